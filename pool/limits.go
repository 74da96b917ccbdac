package pool

import (
	"math/rand/v2"
	"time"
)

// drawLimits returns after how many requests and at which age one worker is to be replaced. They vary, so that workers
// that began together do not end together.
func (c Config) drawLimits() (requests uint64, age time.Duration) {
	if c.MaxRequests > 0 {
		requests = max(1, uint64(c.vary(float64(c.MaxRequests))))
	}
	return requests, time.Duration(c.vary(float64(c.MaxAge)))
}

// vary returns limit, a part of up to Jitter more or less.
func (c Config) vary(limit float64) float64 { return limit * (1 + c.Jitter*(2*rand.Float64()-1)) }
