package worker

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"fwatchdog/internal/life"
)

const (
	stacksTime = 2 * time.Second        // the longest that a worker may take to write its stacks
	stacksRest = 250 * time.Millisecond // after so long a silence it has written them
	stacksSize = 64 << 10               // what is kept of them, in bytes
)

// stacks is what a worker writes from the moment on at which it is asked what it is at.
type stacks struct {
	turn chan struct{} // of capacity 1: held by whoever has asked
	came chan struct{} // of capacity 1

	mu     sync.Mutex // guards the fields below
	wanted bool
	text   []byte
	cut    int // lines that were too much
}

func newStacks() stacks {
	return stacks{turn: make(chan struct{}, 1), came: make(chan struct{}, 1)}
}

// take keeps a line, and reports whether it is wanted. What is too much is counted.
func (s *stacks) take(line []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.wanted:
		return false
	case len(s.text)+len(line) < stacksSize:
		s.text = append(append(s.text, line...), '\n')
	default:
		s.cut++
	}
	signal(s.came)
	return true
}

func (s *stacks) want() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = true
	select {
	case <-s.came: // of what was wanted before
	default:
	}
}

// end returns what was kept, and wants no more.
func (s *stacks) end() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(s.text)
	if s.cut > 0 {
		text += fmt.Sprintf("and %d lines more\n", s.cut)
	}
	s.wanted, s.text, s.cut = false, nil, 0
	return text
}

// stackSignals are the signals that a HELLO names as those on which the worker writes its stacks and goes on. Words that name
// none are left out.
func stackSignals(pair string) (signals []syscall.Signal) {
	for _, word := range strings.Fields(pair) {
		if n := unix.SignalNum("SIG" + word); n != 0 {
			signals = append(signals, n)
		}
	}
	return signals
}

// dumpsAtLast reports whether a worker of this SDK writes its stacks on SIGQUIT and ends: that of Go does. To any other program
// that has not said so the signal is nothing but an end with a core dump.
func dumpsAtLast(sdk string) bool {
	name, _, _ := strings.Cut(sdk, "/")
	return name == "go"
}

// lastStacks makes a worker that hangs say what it is at, for the log of its end. It returns when that has been said, or after a
// while.
func (f *Framed) lastStacks(why life.Reason) {
	if why != life.Heartbeat && why != life.Timeout {
		return
	}
	f.stacks.turn <- struct{}{}
	defer func() { <-f.stacks.turn }()
	f.stacks.want() // to its end
	if !dumpsAtLast(f.talk.sdk) {
		f.askForStacks()
		return
	}
	if f.proc.Signal(syscall.SIGQUIT) == nil {
		select { // its end says that it has written them
		case <-f.proc.Ended():
		case <-time.After(stacksTime):
		}
	}
}

// showStacks makes a worker that is to go on say what it is at, and returns that; "" when it does not.
func (f *Framed) showStacks() string {
	f.stacks.turn <- struct{}{}
	defer func() { <-f.stacks.turn }()
	f.stacks.want()
	f.askForStacks()
	return f.stacks.end()
}

// askForStacks sends the signals on which the worker writes its stacks, one after the other: of two at once neither the order
// nor the end would be known. It returns when all has been written, or after a while.
func (f *Framed) askForStacks() {
	limit := time.NewTimer(stacksTime)
	defer limit.Stop()
	for _, sig := range f.talk.stacks {
		if f.proc.SignalIfCaught(sig) && !f.awaitStacks(limit.C) {
			return
		}
	}
}

// awaitStacks returns when the worker has written something and then nothing for a while. It reports false when there is
// nothing more to wait for.
func (f *Framed) awaitStacks(limit <-chan time.Time) bool {
	var silence <-chan time.Time
	for {
		select {
		case <-f.stacks.came:
			silence = time.After(stacksRest)
		case <-silence:
			return true
		case <-limit:
			return false
		case <-f.proc.Ended():
			return false
		}
	}
}
