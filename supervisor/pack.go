package supervisor

import "time"

const (
	// wake is about what it costs to wake an idle process and to have the kernel find a processor for it, in time that a
	// request waits and in processor time.
	wake = 100 * time.Microsecond
	// mostPacked is where a worker's reads and writes are shared by so many that more would save nothing.
	mostPacked = 16
	// often is how many requests between two looks are worth the saving, and tell what one takes. Fewer can only tell that
	// requests take longer than before.
	often = 1000
)

// pack returns how many requests should go to a worker that is awake before an idle one is woken: as many as it works off
// in the time that the waking takes. last is what it returned before, 1 at first; before and now are samples of workers by
// serial.
func pack(last int, before, now map[uint64]sample) int {
	var requests uint64
	var cpu time.Duration
	for serial, n := range now {
		if b, there := before[serial]; there && n.cpu >= b.cpu { // else one of its processes has ended
			requests += n.served - b.served
			cpu += n.cpu - b.cpu
		}
	}
	if requests == 0 {
		return last
	}
	each := max(time.Nanosecond, cpu/time.Duration(requests))
	n := int(min(max(1, wake/each), mostPacked))
	if requests < often {
		return min(last, n)
	}
	return n
}
