package pool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a worker without a process. The target of a request says what the function does with it:
//
//	""         answers at once
//	a duration answers after it
//	hold       answers when the test says so
//	begin      begins to answer, and then holds
//	hang       does not even stop when it is cancelled
//	crash      ends the process
//	refuse     says that it did not begin
//	raise      raises an error
type fake struct {
	id    life.ID
	limit int
	slow  time.Duration // from the wish that it goes to its end
	deaf  bool          // it does not go until it is killed
	mute  bool          // it asks for nothing: Done is all that tells of its end
	stops bool          // it begins with nothing because the host stops
	asks  chan life.Reason
	done  chan struct{}

	mu      sync.Mutex
	streams []*stream
	got     []*exchange.Exchange // all that it began with
	leaving bool
	dead    bool
	killed  bool
	why     life.Reason
	asked   life.Reason // what it was told in Leave
	pings   uint64
}

// stream is one exchange of a fake, from Begin until its place is free.
type stream struct {
	f    *fake
	ctx  context.Context
	x    *exchange.Exchange
	over func()
	end  chan error // of capacity 1: what Wait returns
}

func newFake(id life.ID, limit int) *fake {
	return &fake{id: id, limit: limit, asks: make(chan life.Reason, 4), done: make(chan struct{})}
}

func (f *fake) Concurrency() int         { return f.limit }
func (f *fake) Asks() <-chan life.Reason { return f.asks }
func (f *fake) Done() <-chan struct{}    { return f.done }
func (f *fake) Ended() life.Reason       { return f.why }

func (f *fake) Ping() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pings++
}

func (f *fake) Vitals() life.Vitals {
	f.mu.Lock()
	defer f.mu.Unlock()
	return life.Vitals{Pings: f.pings}
}

// Begin is part of Worker.
func (f *fake) Begin(ctx context.Context, x *exchange.Exchange, over func()) (exchange.Pending, error) {
	s, err := f.open(ctx, x, over)
	if err != nil {
		return nil, err
	}
	s.begin(string(x.Request.Target))
	return s, nil
}

// Wait is part of exchange.Pending.
func (s *stream) Wait() error {
	select {
	case err := <-s.end:
		return err
	case <-s.ctx.Done():
	}
	if string(s.x.Request.Target) == "hang" {
		time.AfterFunc(2*time.Second, func() { s.f.poisoned(s) })
	} else {
		s.finish(nil)
	}
	return s.ctx.Err()
}

func (f *fake) open(ctx context.Context, x *exchange.Exchange, over func()) (*stream, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stops {
		return nil, exchange.ErrHostStops
	}
	if f.dead || f.leaving {
		return nil, &exchange.LostError{Cause: exchange.CauseCrash, Unseen: true}
	}
	if len(f.streams) == f.limit {
		panic("the worker got more than it takes")
	}
	x.Woken() // it is made before anybody else may wake
	s := &stream{f: f, ctx: ctx, x: x, over: over, end: make(chan error, 1)}
	f.streams = append(f.streams, s)
	if string(x.Request.Target) != "refuse" {
		f.got = append(f.got, x)
	}
	return s, nil
}

// begin does what the target says.
func (s *stream) begin(target string) {
	switch target {
	case "":
		s.finish(nil)
	case "begin":
		s.x.Response.Begin(200, 0)
	case "hold", "hang":
	case "crash":
		s.f.die(life.Crash, false)
	case "refuse":
		s.finish(&exchange.RefusedError{Refusal: exchange.NotStarted})
	case "raise":
		s.finish(&exchange.RefusedError{Refusal: exchange.Raised})
	default:
		d, err := time.ParseDuration(target)
		if err != nil {
			panic(err)
		}
		time.AfterFunc(d, func() { s.finish(nil) })
	}
}

// finish ends the stream, unless it has ended.
func (s *stream) finish(err error) {
	if !s.f.forget(s) {
		return
	}
	if err == nil {
		s.x.Response.Status = 200
	}
	s.over()
	s.end <- err
	s.x.Wake()
}

// forget takes s off the list of streams, and reports whether it was there.
func (f *fake) forget(s *stream) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, other := range f.streams {
		if other == s {
			f.streams = append(f.streams[:i:i], f.streams[i+1:]...)
			if f.leaving && !f.deaf && len(f.streams) == 0 {
				go f.exit()
			}
			return true
		}
	}
	return false
}

// release ends the streams that are held.
func (f *fake) release() {
	f.mu.Lock()
	streams := f.streams
	f.mu.Unlock()
	for _, s := range streams {
		s.finish(nil)
	}
}

// poisoned is what a worker does about a stream that does not end though it was cancelled.
func (f *fake) poisoned(s *stream) {
	f.mu.Lock()
	alone := len(f.streams) == 1
	f.mu.Unlock()
	f.ask(life.Timeout)
	if alone {
		f.die(life.Timeout, false)
	}
}

func (f *fake) ask(why life.Reason) {
	if f.mute {
		return
	}
	select {
	case f.asks <- why:
	default:
	}
}

// exit ends a worker that has nothing to do any more, in its own time.
func (f *fake) exit() {
	select {
	case <-after(f.slow):
		f.die(f.told(), false)
	case <-f.done:
	}
}

// Leave is part of Worker.
func (f *fake) Leave(ctx context.Context, why life.Reason) {
	f.mu.Lock()
	f.leaving, f.asked = true, why
	if len(f.streams) == 0 && !f.deaf {
		go f.exit()
	}
	f.mu.Unlock()
	select {
	case <-f.done:
		return
	case <-ctx.Done():
	}
	f.mu.Lock()
	f.killed = true
	f.mu.Unlock()
	f.die(why, false)
	<-f.done
}

// die ends the process because of why. What is in flight is lost, unseen or not.
func (f *fake) die(why life.Reason, unseen bool) {
	f.mu.Lock()
	if f.dead {
		f.mu.Unlock()
		return
	}
	f.dead, f.why = true, why
	streams := f.streams
	if unseen {
		f.got = slices.DeleteFunc(f.got, func(x *exchange.Exchange) bool {
			return slices.ContainsFunc(streams, func(s *stream) bool { return s.x == x })
		})
	}
	f.mu.Unlock()
	f.ask(life.Crash)
	for _, s := range streams {
		s.finish(&exchange.LostError{Cause: exchange.CauseCrash, Unseen: unseen})
	}
	close(f.done)
}

func (f *fake) inflight() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.streams)
}

// told is why it was asked to go; "" when it was not.
func (f *fake) told() life.Reason {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func (f *fake) wasKilled() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.killed
}

// saw is how many requests the worker began with.
func (f *fake) saw() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.got)
}

// after is time.After for goroutines of a bubble. When two of them find at once that the time of their timer has already
// come, as it has for d = 0, the race detector of Go 1.26 crashes: both use the one context of the bubble's timers.
func after(d time.Duration) <-chan time.Time {
	if d > 0 {
		return time.After(d)
	}
	now := make(chan time.Time, 1)
	now <- time.Now()
	return now
}

var errBoot = errors.New("cannot find module")

// rig is a running pool of fakes, inside a bubble.
type rig struct {
	*Pool
	t     *testing.T
	stop  context.CancelFunc // ends Run
	hurry context.CancelFunc
	ended chan error // what Run returned; closed then

	mu      sync.Mutex
	boot    func(life.ID) (time.Duration, error) // how long a start takes, and whether it works
	dress   func(*fake)                          // what is special about a worker
	workers []*fake                              // all that ever became ready, by serial
}

// bubble runs test in a bubble with a pool of which a test need only say what matters to it. All of it has gone when the
// test ends.
func bubble(t *testing.T, cfg Config, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cfg)
		r.run()
		r.settle()
		test(r)
		r.stop()
		r.hurry()
		<-r.ended
		r.check()
		r.checkEmpty()
	})
}

func newRig(t *testing.T, cfg Config) *rig {
	if cfg.QueueTimeout == 0 {
		cfg.QueueTimeout = 10 * time.Second
	}
	if cfg.StopTimeout == 0 {
		cfg.StopTimeout = 10 * time.Second
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, ended: make(chan error, 1)}
	r.Pool = New(cfg, r.spawnFake)
	return r
}

func (r *rig) run() {
	ctx, stop := context.WithCancel(r.t.Context())
	patience, hurry := context.WithCancel(context.Background())
	r.stop, r.hurry = stop, hurry
	go func() {
		r.ended <- r.Run(ctx, patience)
		close(r.ended)
	}()
}

func (r *rig) spawnFake(ctx context.Context, id life.ID) (Worker, error) {
	r.mu.Lock()
	boot, dress := r.boot, r.dress
	r.mu.Unlock()
	if boot != nil {
		took, err := boot(id)
		select {
		case <-after(took):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, err
		}
	}
	f := newFake(id, 1)
	if dress != nil {
		dress(f)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.workers = append(r.workers, f)
	return f, nil
}

// boots sets how starts go from now on.
func (r *rig) boots(boot func(life.ID) (time.Duration, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.boot = boot
}

// bootIn is a boot that takes d.
func bootIn(d time.Duration) func(life.ID) (time.Duration, error) {
	return func(life.ID) (time.Duration, error) { return d, nil }
}

// bootFails is a boot that does not work.
func bootFails(life.ID) (time.Duration, error) { return 0, errBoot }

// dresses sets what is special about workers from now on.
func (r *rig) dresses(dress func(*fake)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dress = dress
}

// worker returns the ready worker in slot n.
func (r *rig) worker(n int) *fake {
	r.t.Helper()
	r.Pool.mu.Lock()
	defer r.Pool.mu.Unlock()
	if len(r.slots) <= n || r.slots[n].state != Ready {
		r.t.Fatalf("no worker is ready in slot %d", n)
	}
	return r.slots[n].worker.(*fake)
}

// inService returns the serials of the ready workers, by slot.
func (r *rig) inService() []uint64 {
	var serials []uint64
	for _, info := range r.Snapshot().Slots {
		if info.State == Ready {
			serials = append(serials, info.ID.Serial)
		}
	}
	return serials
}

// starts returns how many workers were started.
func (r *rig) started() uint64 { return r.Snapshot().Counts.Starts }

// settle waits until nobody has anything to do at this moment, and checks the invariants.
func (r *rig) settle() {
	r.t.Helper()
	synctest.Wait()
	r.check()
	r.checkQuiet()
}

// pass lets d go by on the bubble's clock.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	time.Sleep(d)
	r.settle()
}

// call is one request of a test.
type call struct {
	exchange.Exchange
	begun time.Time
	took  time.Duration
	err   error
	done  chan struct{}
}

func newCall(target string) *call {
	c := &call{begun: time.Now(), done: make(chan struct{})}
	c.Request.Method, c.Request.Target = []byte("POST"), []byte(target)
	return c
}

// send makes a request in the background.
func (r *rig) send(target string) *call {
	r.t.Helper()
	c := newCall(target)
	r.sendCall(r.t.Context(), c)
	return c
}

func (r *rig) sendCall(ctx context.Context, c *call) {
	go func() {
		defer close(c.done)
		c.err = r.Do(ctx, &c.Exchange)
		c.took = time.Since(c.begun)
	}()
	synctest.Wait()
}

// ask makes a request and waits for its end.
func (r *rig) ask(target string) *call {
	r.t.Helper()
	c := r.send(target)
	<-c.done
	return c
}

// over reports whether the request has ended.
func (c *call) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// wantErr demands that the request has ended with want.
func (c *call) wantErr(t *testing.T, want error) {
	t.Helper()
	switch {
	case !c.over():
		t.Errorf("the request is not over")
	case !errors.Is(c.err, want):
		t.Errorf("got %v, want %v", c.err, want)
	}
}
