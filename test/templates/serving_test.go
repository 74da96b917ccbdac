package templates_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// serving is a fwatchdog at work.
type serving struct {
	command *exec.Cmd
	log     locked
	seen    int           // how many lines of the log were waited for
	ended   chan struct{} // closed when it has ended
}

func begin(command *exec.Cmd) (*serving, error) {
	s := &serving{command: command, ended: make(chan struct{})}
	command.Stdout, command.Stderr = &s.log, &s.log
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process
		defer close(s.ended)
		_ = command.Wait() // stop says how it went
	}()
	return s, nil
}

// stop ends it as a container runtime does, waits, and returns how it went.
func (s *serving) stop() *os.ProcessState {
	_ = s.command.Process.Signal(syscall.SIGTERM) // it may have gone: its state tells
	giveUp := time.AfterFunc(20*time.Second, func() { _ = s.command.Process.Kill() })
	defer giveUp.Stop()
	<-s.ended
	return s.command.ProcessState
}

// locked is a log that is read while it is written.
type locked struct {
	mu      sync.Mutex
	bytes   bytes.Buffer  // mu guards it
	changed chan struct{} // closed by the next write; mu guards it
}

func (l *locked) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	return l.bytes.Write(text)
}

func (l *locked) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes.String()
}

// next is closed when there is more than now.
func (l *locked) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

// await reports whether the log has a line like that after those that were seen, now or within a minute.
func (s *serving) await(wanted string) bool {
	deadline := time.After(time.Minute)
	for {
		changed := s.log.next()
		lines := strings.Split(s.log.text(), "\n")
		for n := s.seen; n < len(lines); n++ {
			if withoutNumbers(lines[n]) == wanted {
				s.seen = n + 1
				return true
			}
		}
		select {
		case <-changed:
		case <-s.ended:
			if s.log.text() == strings.Join(lines, "\n") {
				return false
			}
		case <-deadline:
			return false
		}
	}
}
