package supervisor

import "fwatchdog/pool"

// heart is what is remembered of one worker from round to round.
type heart struct {
	misses int    // rounds without an answer that was due
	served uint64 // requests it had got by the last round
	pongs  uint64 // the last PING that it had answered by then
}

// beat judges one worker. A miss is counted per round, not per second: late says that this round comes far too late, so
// that the machine stood still and nobody is to blame for a missing answer. A worker whose handlers may hold up the answer
// is judged only if it was idle since the last round.
func (h heart) beat(slot pool.SlotInfo, late bool, most int) (next heart, alive bool) {
	next = heart{misses: h.misses, served: slot.Served, pongs: slot.Vitals.Pongs}
	idle := slot.Inflight == 0 && slot.Served == h.served
	switch {
	case slot.Vitals.Pings == slot.Vitals.Pongs:
		next.misses = 0
	case late || !idle && !slot.Vitals.PingBusy:
	default:
		next.misses++
	}
	return next, next.misses < most
}
