package report

import (
	"context"
	"sync"
	"time"

	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

const (
	// Interval is the time between two samples.
	Interval = time.Second
	// Kept is how many samples there are at most: a quarter of an hour's.
	Kept = int(15 * time.Minute / Interval)
)

// Totals are counts of requests since the start of an instance.
type Totals struct {
	Requests uint64 // answered
	Failed   uint64 // of these, with a status of 500 or more
	Rejected uint64 // of these, before a worker got them
	// Took is from a request's header to its response, Waited the part of it in line for a worker.
	Took, Waited Histogram
}

// Sample is one second of an instance.
type Sample struct {
	Time     int64   `json:"time"`     // its end, in milliseconds since 1970
	Rate     float64 `json:"rate"`     // requests answered a second
	Failed   float64 `json:"failed"`   // of these, with a status of 500 or more
	Rejected float64 `json:"rejected"` // of these, before a worker got them
	P50      float64 `json:"p50"`      // from the header to the response, in seconds; 0 when there was none
	P99      float64 `json:"p99"`
	Wait     float64 `json:"wait_p99"` // in line for a worker, in seconds
	Inflight int     `json:"inflight"`
	Capacity int     `json:"capacity"`
	Queue    int     `json:"queue"`
	Workers  int     `json:"workers"` // that are ready
	// Memory is in bytes by slot; 0 where there is no worker.
	Memory []int64 `json:"memory"`
	// Exits are the workers that went, by reason.
	Exits map[life.Reason]uint64 `json:"exits,omitempty"`
}

// Recorder takes a sample of an instance every Interval, and keeps the last ones.
type Recorder struct {
	about  State // what never changes
	begun  time.Time
	source Source
	before reading

	mu      sync.Mutex // guards the fields below
	samples []Sample
	changed chan struct{} // closed with the next sample
}

// reading is what a sample is the difference of.
type reading struct {
	at     time.Time
	totals Totals
	exits  map[life.Reason]uint64
}

// NewRecorder returns a recorder of an instance of this version and mode that starts now.
func NewRecorder(version, mode string, source Source) *Recorder {
	return &Recorder{about: State{Version: version, Mode: mode}, begun: time.Now(), source: source, changed: make(chan struct{})}
}

// Run takes samples until ctx ends.
func (r *Recorder) Run(ctx context.Context) {
	r.before = reading{at: time.Now(), totals: r.source.Totals()}
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.add(r.take())
		}
	}
}

// take makes a sample of what happened since the one before.
func (r *Recorder) take() Sample {
	snap, usage, totals, now := r.source.Snapshot(), r.source.Usage(), r.source.Totals(), time.Now()
	before := r.before
	r.before = reading{now, totals, snap.Counts.Exits}
	seconds := now.Sub(before.at).Seconds()
	rate := func(now, before uint64) float64 { return round(float64(now-before) / seconds) }
	took, waited := totals.Took.Since(before.totals.Took), totals.Waited.Since(before.totals.Waited)
	s := Sample{
		Time: now.UnixMilli(),
		Rate: rate(totals.Requests, before.totals.Requests), Failed: rate(totals.Failed, before.totals.Failed),
		Rejected: rate(totals.Rejected, before.totals.Rejected),
		P50:      round(took.Quantile(0.5)), P99: round(took.Quantile(0.99)), Wait: round(waited.Quantile(0.99)),
		Inflight: snap.Inflight, Capacity: snap.Capacity, Queue: snap.Queue,
		Memory: make([]int64, len(snap.Slots)), Exits: exits(snap.Counts.Exits, before.exits),
	}
	for i, slot := range snap.Slots {
		if slot.State == pool.Ready {
			s.Workers++
		}
		if slot.State != pool.Vacant {
			s.Memory[i] = usage[slot.ID.Serial].Memory
		}
	}
	return s
}

// exits are those of now that were not before; nil when there are none.
func exits(now, before map[life.Reason]uint64) map[life.Reason]uint64 {
	var more map[life.Reason]uint64
	for reason, n := range now {
		if n > before[reason] {
			if more == nil {
				more = map[life.Reason]uint64{}
			}
			more[reason] = n - before[reason]
		}
	}
	return more
}

func (r *Recorder) add(s Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.samples) == Kept {
		r.samples = append(r.samples[:0], r.samples[1:]...)
	}
	r.samples = append(r.samples, s)
	close(r.changed)
	r.changed = make(chan struct{})
}

// State is the instance now.
func (r *Recorder) State() State {
	s := describe(r.source)
	s.Version, s.Mode = r.about.Version, r.about.Mode
	s.UptimeSeconds = round(time.Since(r.begun).Seconds())
	s.Last, _ = r.Last()
	return s
}

// History returns the samples that are kept, the oldest first. The caller may keep them.
func (r *Recorder) History() []Sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Sample{}, r.samples...)
}

// Last returns the newest sample, and a channel that is closed when there is a newer one.
func (r *Recorder) Last() (Sample, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.samples) == 0 {
		return Sample{}, r.changed
	}
	return r.samples[len(r.samples)-1], r.changed
}
