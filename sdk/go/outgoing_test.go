package fwatchdog

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gate is a pipe that takes a write only when it is let.
type gate struct {
	let    chan struct{}
	mu     sync.Mutex // guards writes
	writes []string
	err    error
}

func (g *gate) Write(b []byte) (int, error) {
	<-g.let
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes = append(g.writes, string(b))
	return len(b), g.err
}

func add(text string) func(dst []byte) ([]byte, error) {
	return func(dst []byte) ([]byte, error) { return append(dst, text...), nil }
}

func TestWhatIsSentDuringAWriteLeavesWithTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{let: make(chan struct{})}
		o := newOutgoing(g)
		go func() { _ = o.send(add("a")) }() // the gate has no error
		synctest.Wait()
		for _, text := range []string{"b", "c", "d"} {
			if err := o.send(add(text)); err != nil { // does not wait for the write
				t.Error(err)
			}
		}
		close(g.let)
		o.flush()
		if got := strings.Join(g.writes, "|"); got != "a|bcd" {
			t.Errorf("writes %s", got)
		}
	})
}

func TestWhatIsSentWhileTheReaderWorksLeavesWhenItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{let: make(chan struct{})}
		close(g.let)
		o := newOutgoing(g)
		o.hold()
		for _, text := range []string{"a", "b"} {
			if err := o.send(add(text)); err != nil {
				t.Error(err)
			}
		}
		o.add(func(dst []byte) []byte { return append(dst, "c"...) })
		if len(g.writes) > 0 {
			t.Errorf("written too early: %q", g.writes)
		}
		o.release()
		if got := strings.Join(g.writes, "|"); got != "abc" {
			t.Errorf("writes %s", got)
		}
		o.release() // has nothing to do
		o.flush()
	})
}

// Handlers that compute for long keep the reader from its turn, too: their answers must not wait for it.
func TestWhatIsSentLongAfterTheReadIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{let: make(chan struct{})}
		close(g.let)
		o := newOutgoing(g)
		o.hold()
		<-time.After(brief)
		if err := o.send(add("a")); err != nil {
			t.Error(err)
		}
		if got := strings.Join(g.writes, "|"); got != "a" {
			t.Errorf("writes %q before the reader's turn", got)
		}
		o.release()
		o.flush()
	})
}

// A handler that streams sends now and then: it must not be the one who writes for all others from then on.
func TestSenderIsHeldUpForOneWriteOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{let: make(chan struct{})}
		o := newOutgoing(g)
		returned := make(chan struct{})
		go func() {
			_ = o.send(add("a")) // the gate has no error
			close(returned)
		}()
		synctest.Wait()
		if err := o.send(add("b")); err != nil {
			t.Error(err)
		}
		g.let <- struct{}{}
		<-returned
		g.let <- struct{}{}
		o.flush()
		if got := strings.Join(g.writes, "|"); got != "a|b" {
			t.Errorf("writes %s", got)
		}
	})
}

func TestSenderWaitsWhileTooMuchIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{let: make(chan struct{})}
		o := newOutgoing(g)
		go func() { _ = o.send(add("a")) }() // the gate has no error
		synctest.Wait()
		if err := o.send(add(strings.Repeat("b", maxPending))); err != nil {
			t.Error(err)
		}
		var waited sync.WaitGroup
		passed := false
		waited.Go(func() {
			_ = o.send(add("c")) // as above
			passed = true
		})
		synctest.Wait()
		if passed {
			t.Error("more was appended to a full buffer")
		}
		o.add(func(dst []byte) []byte { return append(dst, "reader"...) }) // never waits
		close(g.let)
		waited.Wait()
		o.flush()
		if got := len(strings.Join(g.writes, "")); got != len("a")+maxPending+len("reader")+len("c") {
			t.Errorf("%d bytes were written", got)
		}
	})
}

func TestBrokenPipeFailsAllWhoSendLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken pipe")
		g := &gate{let: make(chan struct{}), err: broken}
		o := newOutgoing(g)
		go func() { _ = o.send(add("a")) }() // was appended before the pipe broke
		synctest.Wait()
		if err := o.send(add(strings.Repeat("b", maxPending))); err != nil {
			t.Error(err)
		}
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if err := o.send(add("c")); err != broken {
				t.Errorf("who waited for room: got %v", err)
			}
		})
		synctest.Wait()
		close(g.let)
		waiting.Wait()
		if err := o.send(add("d")); err != broken {
			t.Errorf("who came later: got %v", err)
		}
		o.hold()
		o.release()
		o.flush() // does not wait for what can never leave
		if got := strings.Join(g.writes, "|"); got != "a" {
			t.Errorf("writes %s", got)
		}
	})
}

func TestFlushWaitsForWhatIsLeftToTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{let: make(chan struct{})}
		close(g.let)
		o := newOutgoing(g)
		o.hold()
		if err := o.send(add("a")); err != nil {
			t.Error(err)
		}
		go o.release()
		o.flush()
		if got := strings.Join(g.writes, "|"); got != "a" {
			t.Errorf("flushed after writes %q", got)
		}
	})
}

func TestEncoderThatFailsSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{let: make(chan struct{})}
		close(g.let)
		o := newOutgoing(g)
		failed := errors.New("too large")
		if err := o.send(func(dst []byte) ([]byte, error) { return dst, failed }); err != failed {
			t.Errorf("got %v", err)
		}
		if err := o.send(add("next")); err != nil {
			t.Error(err)
		}
		o.flush()
		if got := strings.Join(g.writes, "|"); got != "next" {
			t.Errorf("writes %s", got)
		}
	})
}
