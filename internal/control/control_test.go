package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fwatchdog/internal/report"
	"fwatchdog/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// instance remembers what it was told.
type instance struct {
	reloadErr error
	asked     chan struct{} // told of each Reload, which then lasts until its context ends; nil: it does not
	kept      chan int
	stopped   chan struct{}
}

func (i *instance) State() report.State { return report.State{Version: "1.2.3"} }

func (i *instance) Reload(ctx context.Context) (pool.ReloadResult, error) {
	if i.asked != nil {
		i.asked <- struct{}{}
		<-ctx.Done()
		return pool.ReloadResult{}, ctx.Err()
	}
	return pool.ReloadResult{Generation: 2, New: 3}, i.reloadErr
}

func (i *instance) Scale(n int) (int, error) {
	if n < 1 {
		return 0, errors.New("it must be at least 1")
	}
	i.kept <- n
	return n, nil
}

func (i *instance) ScaleAuto() (int, error) { return 7, nil }

func (i *instance) Stop() { close(i.stopped) }

// reach serves the instance on a socket and returns a client of it, and what ends the serving.
func reach(t *testing.T, i *instance) (Client, context.CancelFunc) {
	t.Helper()
	i.kept, i.stopped = make(chan int, 1), make(chan struct{})
	path := socketPath(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, path, i) }()
	end := func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			done <- nil
		case <-time.After(10 * time.Second):
			t.Error("it serves on")
		}
	}
	t.Cleanup(end)
	return Client{Path: path}, end
}

// socketPath is short enough for a socket, whatever the test is called.
func socketPath(t *testing.T) string {
	dir, err := os.MkdirTemp("", "control")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func TestWhatIsToldArrives(t *testing.T) {
	i := &instance{}
	c, _ := reach(t, i)
	if state, err := c.Status(t.Context()); err != nil || state.Version != "1.2.3" {
		t.Errorf("status: %+v, %v", state, err)
	}
	if result, err := c.Reload(t.Context()); err != nil || result.Generation != 2 || result.New != 3 {
		t.Errorf("reload: %+v, %v", result, err)
	}
	if n, err := c.Scale(t.Context(), 5); err != nil || n != 5 || <-i.kept != 5 {
		t.Errorf("scale: %d, %v", n, err)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	<-i.stopped
}

func TestARefusalSaysWhy(t *testing.T) {
	c, _ := reach(t, &instance{reloadErr: errors.New("start generation 2: exit code 1")})
	if _, err := c.Reload(t.Context()); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "exit code 1") {
		t.Errorf("reload: %v", err)
	}
	if _, err := c.Scale(t.Context(), 0); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "at least 1") {
		t.Errorf("scale: %v", err)
	}
	if err := c.ask(t.Context(), http.MethodPost, "/scale", "three", nil); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), `{"workers":N}`) {
		t.Errorf("a body that is none: %v", err)
	}
	if err := c.ask(t.Context(), http.MethodGet, "/stop", nil, nil); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "405") {
		t.Errorf("the wrong method: %v", err)
	}
}

func TestAReloadEndsWithWhoeverWaitsForIt(t *testing.T) {
	i := &instance{asked: make(chan struct{})}
	c, end := reach(t, i)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-i.asked; cancel() }()
	if _, err := c.Reload(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the client left: %v", err)
	}
	go func() { <-i.asked; end() }()
	if _, err := c.Reload(t.Context()); !errors.Is(err, ErrRefused) {
		t.Errorf("the instance ended: %v", err)
	}
}

func TestOnlyItsUserMayOpenTheSocket(t *testing.T) {
	c, end := reach(t, &instance{})
	info, err := os.Stat(c.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(c.Path)); len(left) != 1 {
		t.Errorf("beside the socket: %v", left)
	}
	end()
	if _, err := os.Stat(c.Path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestNobodyThereIsSaidClearly(t *testing.T) {
	path := socketPath(t)
	_, err := Client{Path: path}.Status(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no instance answers on "+path) || !strings.Contains(err.Error(), "control_socket") {
		t.Errorf("no socket: %v", err)
	}
}

func TestASocketThatAnEndedInstanceLeftIsReplaced(t *testing.T) {
	path := socketPath(t)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestASocketThatCannotBeIsRefused(t *testing.T) {
	c, _ := reach(t, &instance{})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ path, says string }{
		"another listens": {c.Path, "another instance listens there"},
		"no folder":       {filepath.Join(filepath.Dir(c.Path), "missing", "s"), "no such file"},
		"too long":        {filepath.Join(filepath.Dir(c.Path), strings.Repeat("x", 120)), "too long"},
		"a folder":        {filepath.Dir(c.Path), "something else of that name"},
		"a file":          {file, "something else of that name"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := Listen(test.path)
			if err == nil {
				l.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	if text, err := os.ReadFile(file); string(text) != "kept" {
		t.Errorf("the file holds %q (%v)", text, err)
	}
}
