package worker_test

import (
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
	cfg := worker.OneshotConfig{Config: configOf("sh", "-c", script)}
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

func TestProgramThatPrintsAndEndsBeforeItsRequestIsGone(t *testing.T) {
	o := oneshot(t, "head -c 100000 /dev/zero")
	select {
	case <-o.Done():
	case <-time.After(20 * time.Second):
		t.Error("its end is not seen")
	}
}
