package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/fakefunc"
	"fwatchdog/internal/life"
	"fwatchdog/internal/process"
	"fwatchdog/worker"
)

func TestMain(m *testing.M) {
	if fakefunc.Play(scenes) {
		return
	}
	goleak.VerifyTestMain(m)
}

// scenes is what the test binary can play instead of running tests.
var scenes = map[string]fakefunc.Scene{}

// scene adds a scene and returns its name. It is called while variables are initialised: a scene stands beside its test.
func scene(name string, play fakefunc.Scene) string {
	if scenes[name] != nil {
		panic("two scenes are called " + name)
	}
	scenes[name] = play
	return name
}

// The features that scenes greet with.
var (
	shared  = []string{"features", "window exclusive ping-busy", "concurrency", "64"}
	plainly = []string{}
)

// path is an environment in which programs are found.
const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// function is a worker that is gone at the end of its test.
type function struct {
	*worker.Framed
	t       testing.TB
	logs    *observer.ObservedLogs
	counts  *worker.Counts
	streams uint32 // opened by hold and send
}

// id names every worker here.
var id = life.ID{Slot: 2, Serial: 7, Generation: 3}

// newConfig is what worker plays a scene with.
func newConfig(t testing.TB, scene string) worker.Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg := configOf(self)
	cfg.Command.Env = append(cfg.Command.Env, fakefunc.Variable+"="+scene)
	if testing.CoverMode() != "" { // else it complains on stderr
		cfg.Command.Env = append(cfg.Command.Env, "GOCOVERDIR="+t.TempDir())
	}
	return cfg
}

func configOf(argv ...string) worker.Config {
	return worker.Config{
		Command:      process.Command{Argv: argv, Env: []string{path}},
		HelloTimeout: 30 * time.Second,
		StartTimeout: 30 * time.Second,
		CancelGrace:  30 * time.Second,
		LineLimit:    1000,
		Counts:       new(worker.Counts),
	}
}

// newStarter runs a Starter for the time of the test.
func newStarter(t testing.TB) *process.Starter {
	t.Helper()
	s := process.NewStarter(nil)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return s
}

// start starts a worker that plays a scene.
func start(t testing.TB, scene string, change ...func(*worker.Config)) *function {
	t.Helper()
	cfg := newConfig(t, scene)
	for _, f := range change {
		f(&cfg)
	}
	f, err := launch(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// launch starts a worker, or not.
func launch(t testing.TB, cfg worker.Config) (*function, error) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	w, err := worker.Start(t.Context(), newStarter(t), cfg, id, zap.New(core))
	if err != nil {
		return nil, err
	}
	f := &function{Framed: w, t: t, logs: logs, counts: cfg.Counts}
	t.Cleanup(f.kill)
	return f, nil
}

// kill ends the worker at once.
func (f *function) kill() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	f.Leave(ctx, life.Stop)
}

// pid is the worker's process, which must be alive.
func (f *function) pid() int {
	f.t.Helper()
	pid := f.Vitals().Pid
	if pid == 0 {
		f.t.Fatal("the worker has gone")
	}
	return pid
}

// signal sends a signal to the worker's process.
func (f *function) signal(sig syscall.Signal) {
	f.t.Helper()
	if err := syscall.Kill(f.pid(), sig); err != nil {
		f.t.Fatal(err)
	}
}

// awaitEnd waits until the worker has gone and returns why.
func (f *function) awaitEnd() life.Reason {
	f.t.Helper()
	select {
	case <-f.Done():
	case <-time.After(10 * time.Second):
		f.t.Fatal("the worker has not gone")
	}
	return f.Ended()
}

// asked waits for the worker's next wish.
func (f *function) asked() life.Reason {
	f.t.Helper()
	select {
	case why := <-f.Asks():
		return why
	case <-time.After(10 * time.Second):
		f.t.Fatal("the worker has not asked for anything")
	}
	return ""
}

// lines are what the function wrote, by where it did.
func (f *function) lines(from string) []string {
	var lines []string
	for _, entry := range f.logs.FilterMessage("function wrote").FilterField(zap.String("from", from)).All() {
		lines = append(lines, entry.ContextMap()["line"].(string))
	}
	return lines
}

// awaitLine waits until the function has logged this line.
func (f *function) awaitLine(line string) {
	f.t.Helper()
	eventually(f.t, fmt.Sprintf("logged %q", line), func() bool { return slices.Contains(f.lines("log"), line) })
}

// end is the log entry of the worker's end.
func (f *function) end() map[string]any {
	f.t.Helper()
	f.awaitEnd()
	all := f.logs.FilterMessage("worker ended").All()
	if len(all) != 1 {
		f.t.Fatalf("got %d lines of the worker's end, want 1", len(all))
	}
	return all[0].ContextMap()
}

// call is an exchange on its way.
type call struct {
	exchange.Exchange
	t      testing.TB
	cancel context.CancelCauseFunc
	ended  chan error  // what Do returned
	freed  atomic.Bool // the place was given back
	spent  time.Duration
	stream uint32 // known to hold alone
}

// request is a GET.
func request(target string) exchange.Request {
	return exchange.Request{Method: []byte("GET"), Target: []byte(target)}
}

// begin runs an exchange in the background.
func (f *function) begin(r exchange.Request) *call {
	f.t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	c := &call{t: f.t, cancel: cancel, ended: make(chan error, 1)}
	c.Request = r
	f.t.Cleanup(func() { cancel(nil) })
	go func() {
		began := time.Now()
		err := do(causeContext{ctx}, f.Framed, &c.Exchange, c.free)
		c.spent = time.Since(began)
		c.ended <- err
	}()
	return c
}

// do runs one exchange as a pool does.
func do(ctx context.Context, f *worker.Framed, x *exchange.Exchange, over func()) error {
	pending, err := f.Begin(ctx, x, over)
	if err != nil {
		over()
		return err
	}
	return pending.Wait()
}

// causeContext has its cause for an Err, as the server's have.
type causeContext struct{ context.Context }

func (c causeContext) Err() error { return context.Cause(c.Context) }

// ended is a context whose client has gone.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(exchange.ErrClientGone)
	return ctx
}

func (c *call) free() {
	if c.freed.Swap(true) {
		c.t.Error("a place was given back twice")
	}
}

// wait returns what Do returned.
func (c *call) wait() error {
	c.t.Helper()
	select {
	case err := <-c.ended:
		return err
	case <-time.After(20 * time.Second):
		c.t.Fatal("Do has not returned")
	}
	return nil
}

// body returns the whole body, whether it came whole or in pieces.
func (c *call) body() string {
	c.t.Helper()
	if c.Response.Stream == nil {
		return string(c.Response.Body)
	}
	var all bytes.Buffer
	if _, err := c.Response.Stream.WriteTo(&all); err != nil {
		c.t.Fatal(err)
	}
	c.close()
	return all.String()
}

// outcome is how the exchange ends, also when that is only known once the body was read.
func (c *call) outcome() error {
	c.t.Helper()
	err := c.wait()
	if err == nil && c.Response.Stream != nil {
		_, err = c.Response.Stream.WriteTo(io.Discard)
		c.close()
	}
	return err
}

func (c *call) close() {
	c.t.Helper()
	if err := c.Response.Stream.Close(); err != nil {
		c.t.Error(err)
	}
}

// do runs an exchange to its end and returns the body.
func (f *function) do(r exchange.Request) (*call, string) {
	f.t.Helper()
	c := f.begin(r)
	if err := c.wait(); err != nil {
		f.t.Fatal(err)
	}
	return c, c.body()
}

// get runs a GET, which must be answered with body.
func (f *function) get(target, body string) {
	f.t.Helper()
	if _, got := f.do(request(target)); got != body {
		f.t.Fatalf("got %q from %s, want %q", got, target, body)
	}
}

// eventually fails the test unless holds becomes true.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	deadline := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("after ten seconds still not: %s", what)
		}
	}
}

// upload is a request's body. Close makes a Read that waits return.
type upload struct {
	io.Reader
	closed func() error
}

func (u upload) Close() error { return u.closed() }

// uploadOf is a body of which all is there.
func uploadOf(text string) upload {
	return upload{bytes.NewReader([]byte(text)), func() error { return nil }}
}

// pipeUpload is a body that the test writes.
func pipeUpload() (upload, *io.PipeWriter) {
	r, w := io.Pipe()
	return upload{r, r.Close}, w
}

// discard is a log that nobody reads.
var discard = zap.NewNop()
