package pool

import (
	"context"
	"fmt"

	"fwatchdog/internal/cpus"
	"fwatchdog/internal/life"
)

// ReloadResult is what has become of a reload when it is over, or when nobody waits for it any more.
type ReloadResult struct {
	Generation int `json:"generation"` // that was to take over
	New        int `json:"new"`        // its workers that are ready
	Old        int `json:"old"`        // workers of earlier generations that still take requests, or start
	Leaving    int `json:"leaving"`    // workers of earlier generations that finish what they have
}

// reloading is a reload that somebody waits for.
type reloading struct {
	scout *slot      // starts the first worker of the new generation; nil once that is ready
	over  chan error // of capacity 1
}

// Reload replaces all workers by a new generation, at no loss of places. First one worker of it is started beside the
// others. When it is ready, the new generation is what the pool starts from then on, and the others are replaced a few
// at a time; until then the old one is. Reload returns when every place is the new generation's, with the first start
// of that generation that fails, or when ctx ends. When no worker of it had been ready by then, the old generation
// stays; otherwise the rest is replaced later on, as soon as starts work.
//
// Where Config.Exclusive is set, the one worker leaves first, and the new generation takes over whatever becomes of it.
//
// A second reload waits for the first, and completes what that left undone before it begins.
func (p *Pool) Reload(ctx context.Context) (ReloadResult, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return p.reloaded(), ctx.Err()
	}
	err := p.await(ctx, p.beginReload(false)) // so that there will never be three generations
	if err == nil {
		err = p.await(ctx, p.beginReload(true))
	}
	return p.reloaded(), err
}

// await waits for the end of a reload, or ends it with ctx.
func (p *Pool) await(ctx context.Context, r *reloading) error {
	select {
	case <-ctx.Done():
		p.abandonReload(ctx.Err())
	case err := <-r.over:
		return err
	}
	return <-r.over // it may have been over before
}

// beginReload begins a new generation, or only to wait for the present one to take over where it has not.
func (p *Pool) beginReload(anew bool) *reloading {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reload = &reloading{over: make(chan error, 1)}
	r := p.reload
	switch {
	case !p.running():
		p.endReload(ErrDraining)
	case anew && p.cfg.Exclusive:
		p.begun++
		p.reloadInPlace()
	case anew:
		p.begun++
		r.scout = p.vacantSlot() // no staff: whatever becomes of it, the pool is whole
		p.care(r.scout)
	case p.tally(p.gen).Old == 0:
		p.endReload(nil)
	}
	return r
}

// reloadInPlace replaces the only worker there can be. p.mu is held.
func (p *Pool) reloadInPlace() {
	p.gen = p.begun
	for _, s := range p.slots {
		switch s.state {
		case Starting:
			s.why = life.Reload
			s.kill()
		case Ready:
			p.drain(s, life.Reload)
		}
	}
}

// abandonReload ends the reload with err, unless it is over.
func (p *Pool) abandonReload(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reload != nil {
		p.endReload(err)
	}
}

// endReload tells how the reload ended. A first worker that is not ready by then is not wanted any more. p.mu is held.
func (p *Pool) endReload(err error) {
	r := p.reload
	p.reload = nil
	if r.scout != nil {
		p.relieve(r.scout, life.Reload)
	}
	r.over <- err
}

// endReloadIfDone ends the reload when every place is the present generation's. p.mu is held.
func (p *Pool) endReloadIfDone() {
	full := p.count[Ready] >= p.target || p.cfg.Once && p.line.len > 0 // whoever waits takes each worker as it begins
	if p.reload != nil && p.reload.scout == nil && full && p.tally(p.gen).Old == 0 {
		p.endReload(nil)
	}
}

// endReloadIfFailed ends the reload when s, which did not start, was to be of the new generation, as all are once the
// first is ready. p.mu is held.
func (p *Pool) endReloadIfFailed(s *slot, cause error) {
	if p.isScout(s) || p.reload != nil && p.reload.scout == nil && s.id.Generation == p.gen {
		p.endReload(fmt.Errorf("start generation %d: %w", s.id.Generation, cause))
	}
}

// isScout reports whether s is to start the first worker of a new generation. p.mu is held.
func (p *Pool) isScout(s *slot) bool { return p.reload != nil && p.reload.scout == s }

// promote makes the generation of s, whose worker is ready, the present one. What else is about to start is of the old
// one: it is begun anew, and no back-off of that holds it up. A worker whose reload is over came too late. p.mu is held.
func (p *Pool) promote(s *slot) {
	if !p.isScout(s) {
		p.drain(s, life.Reload)
		return
	}
	p.reload.scout = nil
	p.gen = s.id.Generation
	for _, other := range p.slots {
		if other.staff && (other.state == Vacant || other.state == Starting) {
			p.relieve(other, life.Reload)
		}
	}
	p.enlist(s)
	p.grant()
	p.shrink(life.Reload)
}

// grantReload lets workers of earlier generations yield, the oldest first and a few at a time. p.mu is held.
func (p *Pool) grantReload() {
	yielding := 0
	for _, s := range p.slots {
		if s.yields() && s.why == life.Reload {
			yielding++
		}
	}
	for step := p.cfg.reloadStep(); yielding < step; yielding++ {
		s := p.oldest(func(s *slot) bool { return s.id.Generation < p.gen })
		if s == nil {
			return
		}
		p.relieve(s, life.Reload)
	}
}

// reloadStep is how many workers a reload replaces at once. More starts than processors would only slow one another.
func (c Config) reloadStep() int { return min(max(1, c.ReloadStep), cpus.Count()) }

// reloaded counts the generations, as the reload that was begun last sees them.
func (p *Pool) reloaded() ReloadResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tally(p.begun)
}

// tally counts the workers of a generation, and of those before it. p.mu is held.
func (p *Pool) tally(generation int) ReloadResult {
	result := ReloadResult{Generation: generation}
	for _, s := range p.slots {
		old := s.id.Generation < generation
		switch {
		case s.state == Vacant:
		case s.state == Draining && old:
			result.Leaving++
		case old:
			result.Old++
		case s.state == Ready:
			result.New++
		}
	}
	return result
}
