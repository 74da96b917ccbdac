package fork

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a Forks whose function is a shell script.
type fixture struct {
	*Forks
	t    *testing.T
	logs *observer.ObservedLogs
}

func start(t *testing.T, mode, script string, change func(*Config)) *fixture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "function")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Mode: mode, ContentType: "a/b", LineLimit: 1000, Classic: Classic{CGIHeaders: true, CombineOutput: true, Stdout: io.Discard}}
	cfg.Command.Argv = []string{path}
	cfg.Command.Env = os.Environ()
	if change != nil {
		change(&cfg)
	}
	core, logs := observer.New(zap.DebugLevel)
	starter := process.NewStarter(nil)
	f, err := New(cfg, starter, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = starter.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return &fixture{Forks: f, t: t, logs: logs}
}

// ask runs one exchange and returns it with the whole body in Response.Body, and the error of Do or else of the stream.
func (f *fixture) ask(ctx context.Context, x *exchange.Exchange) (string, error) {
	f.t.Helper()
	if x.Request.Method == nil {
		x.Request.Method = []byte("POST")
	}
	if x.Request.Target == nil {
		x.Request.Target = []byte("/")
	}
	if err := f.Do(ctx, x); err != nil {
		return "", err
	}
	if x.Response.Stream == nil {
		return string(x.Response.Body), nil
	}
	var body strings.Builder
	_, err := x.Response.Stream.WriteTo(&body)
	if closing := x.Response.Stream.Close(); err == nil {
		err = closing
	}
	return body.String(), err
}

// upload is a client's body: pieces, and then an error.
type upload struct {
	pieces []string
	then   error
	closed chan struct{}
	once   sync.Once
}

func newUpload(then error, pieces ...string) *upload {
	return &upload{pieces: pieces, then: then, closed: make(chan struct{})}
}

func (u *upload) Read(p []byte) (int, error) {
	if len(u.pieces) == 0 {
		if u.then == nil { // it never ends
			<-u.closed
			return 0, os.ErrClosed
		}
		return 0, u.then
	}
	n := copy(p, u.pieces[0])
	u.pieces = u.pieces[1:]
	return n, nil
}

func (u *upload) Close() error {
	u.once.Do(func() { close(u.closed) })
	return nil
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
