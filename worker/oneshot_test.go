package worker_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
	"fwatchdog/worker"
)

// oneshot starts a shell script that waits for its request.
func oneshot(t *testing.T, script string) *worker.Oneshot {
	t.Helper()
	return oneshotWithin(t, script, 0)
}

// oneshotWithin starts one whose answer is limited.
func oneshotWithin(t *testing.T, script string, most int64) *worker.Oneshot {
	t.Helper()
	cfg := worker.OneshotConfig{Config: configOf("sh", "-c", script), MaxAnswer: most}
	o, err := worker.StartOneshot(newStarter(t), cfg, id, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Leave(t.Context(), life.Stop) }) // whose context has ended
	return o
}

func TestProgramThatPrintsBeforeItsRequestIsHeldBackUntilThen(t *testing.T) {
	const printed = 1 << 20 // more than a pipe and we hold
	marker := filepath.Join(t.TempDir(), "printed")
	o := oneshot(t, "head -c 1048576 /dev/zero; : >"+marker+"; cat")
	<-time.After(200 * time.Millisecond) // in which all would be printed
	if _, err := os.Stat(marker); err == nil {
		t.Error("all was taken before there was a request")
	}

	x := &exchange.Exchange{Request: exchange.Request{Body: []byte("hello"), Length: 5}}
	pending, err := o.Begin(t.Context(), x, func() {})
	if err == nil {
		err = pending.Wait()
	}

	if body := x.Response.Body; err != nil || len(body) != printed+5 || string(body[printed:]) != "hello" {
		t.Errorf("the answer has %d bytes, %v", len(body), err)
	}
}

func TestWhoWouldWaitForAProgramsAnswerIsWokenForIt(t *testing.T) {
	o := oneshot(t, "cat")
	x := &exchange.Exchange{Request: exchange.Request{Body: []byte("hello"), Length: 5}}
	pending, err := o.Begin(t.Context(), x, func() {})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-x.Woken(): // Wait is what takes the answer
	default:
		t.Error("nobody was woken")
	}
	if err := pending.Wait(); err != nil || string(x.Response.Body) != "hello" {
		t.Errorf("got %q, %v", x.Response.Body, err)
	}
}

func TestProgramThatPrintsAndEndsBeforeItsRequestIsGone(t *testing.T) {
	o := oneshot(t, "head -c 100000 /dev/zero")
	select {
	case <-o.Done():
	case <-time.After(20 * time.Second):
		t.Error("its end is not seen")
	}
}

func TestProgramThatHasEndedGetsNoRequest(t *testing.T) {
	// What it leaves behind holds its pipes, so that a moment lies between its end and that of the worker.
	o := oneshot(t, "setsid sleep 2 & sleep 0.2")
	eventually(t, "it has ended", func() bool { return o.Vitals().Pid == 0 })

	x := &exchange.Exchange{Request: exchange.Request{Body: []byte("hello"), Length: 5}}
	pending, err := o.Begin(t.Context(), x, func() {})
	if err == nil {
		err = pending.Wait()
	}

	if lost := new(exchange.LostError); !errors.As(err, &lost) || !lost.Unseen {
		t.Errorf("got %v, status %d, %q", err, x.Response.Status, x.Response.Body)
	}
}

// slowBody is a body of which no more comes than its first line.
type slowBody struct {
	first  chan string
	closed chan struct{}
}

func (b *slowBody) Read(p []byte) (int, error) {
	select {
	case line := <-b.first:
		return copy(p, line), nil
	case <-b.closed:
		return 0, exchange.ErrBody
	}
}

func (b *slowBody) Close() error {
	close(b.closed)
	return nil
}

func TestAnswerThatComesBeforeTheEndOfASlowBodyIsTheAnswer(t *testing.T) {
	o := oneshot(t, "read line; echo got $line")
	body := &slowBody{make(chan string, 1), make(chan struct{})}
	body.first <- "hello\n"

	x := &exchange.Exchange{Request: exchange.Request{Stream: body, Length: 100_000}}
	pending, err := o.Begin(t.Context(), x, func() {})
	if err == nil {
		err = pending.Wait()
	}

	if err != nil || string(x.Response.Body) != "got hello\n" {
		t.Errorf("got %q, %v", x.Response.Body, err)
	}
}

func TestAnswerThatIsTooLargeEndsTheProgram(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		fails  bool
	}{
		"as much as may be":                  {"cat; head -c 99995 /dev/zero", false},
		"a byte more":                        {"cat; head -c 99996 /dev/zero", true},
		"without an end":                     {"cat; exec cat /dev/zero", true},
		"without an end, from the beginning": {"exec cat /dev/zero", true},
	} {
		t.Run(name, func(t *testing.T) {
			o := oneshotWithin(t, c.script, 100_000)
			x := &exchange.Exchange{Request: exchange.Request{Body: []byte("hello"), Length: 5}}
			pending, err := o.Begin(t.Context(), x, func() {})
			if err == nil {
				err = pending.Wait()
			}
			if errors.As(err, new(*exchange.LargeError)) != c.fails || !c.fails && len(x.Response.Body) != 100_000 {
				t.Errorf("got %d bytes, %v", len(x.Response.Body), err)
			}
		})
	}
}
