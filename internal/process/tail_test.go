package process_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"fwatchdog/internal/process"
)

// endedWith is a process that has written a text and ended, and the pipe of its stdout that the test holds as a grandchild
// would.
func endedWith(t *testing.T, text string) (*process.Process, *os.File) {
	t.Helper()
	read, held, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(held.Close(), read.Close()) }) // one may be closed
	if _, err := held.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return &process.Process{Stdout: read}, held
}

func TestATailEndsAlthoughSomethingElseHoldsThePipe(t *testing.T) {
	p, _ := endedWith(t, "all of it")
	p.EndReading()
	began := time.Now()
	got, err := io.ReadAll(&process.Tail{Pipe: p.Stdout})
	if err != nil || string(got) != "all of it" || time.Since(began) > 5*time.Second {
		t.Errorf("got %q, %v after %v", got, err, time.Since(began))
	}
}

func TestATailThatIsReadLateHasAllThatThePipeHolds(t *testing.T) {
	p, _ := endedWith(t, strings.Repeat("x", 50_000))
	_ = p.Stdout.SetReadDeadline(time.Unix(1, 0)) // what EndReading sets, long ago
	var got bytes.Buffer
	if _, err := io.CopyBuffer(&got, &process.Tail{Pipe: p.Stdout}, make([]byte, 1000)); err != nil || got.Len() != 50_000 {
		t.Errorf("got %d bytes, %v", got.Len(), err)
	}
}

func TestATailEndsAlthoughSomethingElseGoesOnWriting(t *testing.T) {
	for name, c := range map[string]struct {
		pause time.Duration
		size  int
	}{"without a pause": {0, 4096}, "a byte now and then": {process.Grace / 5, 1}} {
		t.Run(name, func(t *testing.T) {
			p, held := endedWith(t, "")
			go func() {
				for {
					<-time.After(c.pause)
					if _, err := held.Write(make([]byte, c.size)); err != nil {
						return // the test is over
					}
				}
			}()
			p.EndReading()
			ended := make(chan error, 1)
			go func() {
				_, err := io.Copy(io.Discard, &process.Tail{Pipe: p.Stdout})
				ended <- err
			}()
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Error("it has not ended")
			}
			_ = p.Stdout.Close()
		})
	}
}

func TestATailOfAProcessEndsWithIt(t *testing.T) {
	p := start(t, newStarter(t), shell("echo hello"))
	got, err := io.ReadAll(&process.Tail{Pipe: p.Stdout})
	if err != nil || string(got) != "hello\n" {
		t.Errorf("got %q, %v", got, err)
	}
	_ = p.Signal(syscall.SIGKILL) // it may have ended
	p.Reap()
}
