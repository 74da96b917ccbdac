package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"fwatchdog/internal/reaper"
)

// Starter starts processes from one thread that never ends while one of them lives: the kernel sends the parent-death
// signal when the thread ends that started a process, not when the whole program does.
type Starter struct {
	pids    *reaper.Pids
	jobs    chan func()    // what the thread is to do
	alive   sync.WaitGroup // one for every process that is not reaped; added to on the thread only
	discard chan os.Signal // nobody reads it

	over chan struct{} // closed when Run takes no more jobs
	why  error         // read it only after over
}

// NewStarter returns a Starter that enters what it starts into pids. When pids is nil nobody may reap orphans.
func NewStarter(pids *reaper.Pids) *Starter {
	if pids == nil {
		pids = new(reaper.Pids)
	}
	return &Starter{
		pids:    pids,
		jobs:    make(chan func()),
		discard: make(chan os.Signal, 1),
		over:    make(chan struct{}),
	}
}

// Run lends its thread to Start until ctx ends. Then it waits until the last process has been reaped, for its own end
// would kill them. It must run in a goroutine of its own, once. Its error is that of a thread that could not be set up.
func (s *Starter) Run(ctx context.Context) error {
	runtime.LockOSThread() // never unlocked: no other goroutine may get a thread with these settings
	err := s.serve(ctx)
	s.why = ErrStopped
	if err != nil {
		s.why = fmt.Errorf("%w: %w", ErrStopped, err)
	}
	close(s.over)
	s.alive.Wait()
	return err
}

func (s *Starter) serve(ctx context.Context) error {
	if err := s.prepareThread(); err != nil {
		return fmt.Errorf("process: %w", err)
	}
	for {
		select {
		case job := <-s.jobs:
			job()
		case <-ctx.Done():
			return nil
		}
	}
}

// Start starts a process. Any goroutine may call it; it waits for Run to begin and fails with ErrStopped once Run's
// context has ended. The caller owns the process: it must call Reap, and Close.
func (s *Starter) Start(c Command) (*Process, error) {
	if len(c.Argv) == 0 {
		return nil, errors.New("process: no program to start")
	}
	p, err := s.start(&c)
	if err != nil {
		return nil, fmt.Errorf("process: start %q: %w", c.Argv[0], err)
	}
	return p, nil
}

func (s *Starter) start(c *Command) (*Process, error) {
	program, err := c.findProgram()
	if err != nil {
		return nil, err
	}
	p := &Process{starter: s, ended: make(chan struct{})}
	theirs, err := p.openPipes(c)
	if err != nil {
		return nil, err
	}
	defer theirs.close()
	if err := s.onThread(func() error { return p.launch(program, c, theirs) }); err != nil {
		p.Close()
		return nil, err
	}
	go p.watch()
	return p, nil
}

// onThread runs f on the thread of Run and returns its error.
func (s *Starter) onThread(f func() error) error {
	result := make(chan error, 1)
	select {
	case s.jobs <- func() { result <- f() }:
		return <-result
	case <-s.over:
		return s.why
	}
}
