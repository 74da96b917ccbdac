package reaper

import "sync"

// Pids is the set of processes that have an owner in this program. The zero value is an empty set. Whatever starts a
// process while a Reaper runs must do so through Start: a child that is not in the set is taken for an orphan.
type Pids struct {
	// look is held for reading while children start and are taken, for writing while the Reaper looks and reaps. So
	// the Reaper meets no child that is not entered yet, and no pid that has just been given to another process.
	look sync.RWMutex

	mu    sync.Mutex
	own   map[int]struct{} // guarded by mu
	taken chan struct{}    // guarded by mu; tells the Reaper that a zombie has gone; nil without one
}

// Start runs start, which starts a child and returns its pid, and enters the pid. A start that fails must have reaped
// what it started.
func (p *Pids) Start(start func() (pid int, err error)) (int, error) {
	p.look.RLock()
	defer p.look.RUnlock()
	pid, err := start()
	if err != nil {
		return 0, err
	}
	p.enter(pid)
	return pid, nil
}

// Take runs take, by which the owner of pid takes its status, and removes pid from the set. take must not wait: the
// child has ended already.
func (p *Pids) Take(pid int, take func()) {
	p.look.RLock()
	defer p.look.RUnlock()
	taken := p.leave(pid) // before take: after it the kernel may give the number to another child, which enters it
	take()
	select {
	case taken <- struct{}{}:
	default: // no Reaper, or it has been told already
	}
}

// Own reports whether pid is in the set.
func (p *Pids) Own(pid int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, own := p.own[pid]
	return own
}

func (p *Pids) enter(pid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.own == nil {
		p.own = make(map[int]struct{})
	}
	p.own[pid] = struct{}{}
}

func (p *Pids) leave(pid int) (taken chan<- struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.own, pid)
	return p.taken
}

// tell makes every Take of the future wake the one that receives from the channel.
func (p *Pids) tell() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = make(chan struct{}, 1) // one is enough: the Reaper looks at everything whenever it wakes
	return p.taken
}
