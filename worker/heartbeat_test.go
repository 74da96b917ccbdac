package worker_test

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"fwatchdog/internal/fakefunc"
	"fwatchdog/protocol"
)

func TestAPingIsAnsweredWhileRequestsRun(t *testing.T) {
	f := start(t, puppet)
	f.hold(request("/"))

	for n := range uint64(3) {
		f.Ping()
		eventually(t, "it was answered", func() bool { return f.Vitals().Pongs == n+1 })
	}

	if v := f.Vitals(); v.Pings != 3 || v.PingTook <= 0 {
		t.Errorf("got %+v", v)
	}
}

func TestAWorkerThatDoesNotReadHasUnansweredPings(t *testing.T) {
	f := start(t, puppet)
	f.signal(syscall.SIGSTOP)

	f.Ping()
	f.Ping()

	if v := f.Vitals(); v.Pings != 2 || v.Pongs != 0 {
		t.Errorf("got %+v", v)
	}
	f.signal(syscall.SIGCONT)
	eventually(t, "both were answered", func() bool { return f.Vitals().Pongs == 2 })
}

// laggard answers the second PING before the first, which it answers on a signal.
var laggard = scene("answer PINGs out of order", func(c *fakefunc.Conn) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	c.Greet()
	for f, ok := c.Next(); ok; f, ok = c.Next() {
		if f.Type != protocol.TypePing {
			continue
		}
		if nonce, _ := protocol.ParseNonce(f.Payload); nonce == 2 { // a bad one is 0, and never answered
			c.Send(protocol.AppendPong(nil, 2))
			<-asked
			c.Send(protocol.AppendPong(nil, 1))
			c.Log("late")
		}
	}
})

func TestALatePongDoesNotUndoALaterOne(t *testing.T) {
	f := start(t, laggard)
	f.Ping()
	f.Ping()
	eventually(t, "the second was answered", func() bool { return f.Vitals().Pongs == 2 })

	f.signal(syscall.SIGUSR1)
	f.awaitLine("late")

	if v := f.Vitals(); v.Pongs != 2 {
		t.Errorf("got %+v", v)
	}
}
