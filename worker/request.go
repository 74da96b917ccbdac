package worker

import (
	"fmt"
	"math"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/protocol"
)

// MaxWholeBody is the largest request body that may be given whole; a larger one comes as a stream.
const MaxWholeBody = protocol.MaxPayload

// appendRequest appends the REQ to pending, and DATA when the whole body is at hand but does not fit. f.mu is held.
func (f *Framed) appendRequest(r *exchange.Request) ([]byte, error) {
	if len(r.Body) > MaxWholeBody {
		return nil, fmt.Errorf("worker: a body of %d bytes was given whole, at most %d may be", len(r.Body), MaxWholeBody)
	}
	b := protocol.BeginRequest(f.pending, f.stream+1, millis(r.Timeout), r.Method, r.Target)
	for _, h := range r.Header {
		b.Pair(h.Key, h.Value)
	}
	inline, last := r.Body, r.Stream == nil
	if len(inline) > b.Room() {
		inline, last = nil, false
	}
	frames, err := b.End(inline, last)
	switch {
	case err != nil:
		return nil, exchange.ErrHeadTooLarge
	case last || r.Stream != nil:
		return frames, nil
	}
	return protocol.AppendData(frames, f.stream+1, r.Body, true), nil
}

// millis is a timeout on the wire, where 0 is none.
func millis(d time.Duration) uint32 {
	if d <= 0 {
		return 0
	}
	return uint32(min(max(d.Milliseconds(), 1), math.MaxUint32))
}
