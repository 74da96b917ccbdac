package worker_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/fakefunc"
	"fwatchdog/internal/life"
	"fwatchdog/protocol"
	"fwatchdog/worker"
)

const window = protocol.DefaultWindow

// flow is the worker's side of flow control. It dies when the host sends more than it was granted.
type flow struct {
	c       *fakefunc.Conn
	streams map[uint32]*flowing
}

// flowing is one stream.
type flowing struct {
	queue    []byte // received, not sent back
	ended    bool   // the host has sent END
	credit   int    // what may be sent
	granted  int    // what may be received
	consumed int    // what was sent back and is not granted again
}

func newFlow(c *fakefunc.Conn) *flow { return &flow{c: c, streams: map[uint32]*flowing{}} }

// echo sends back what comes as far as it may, and grants as much again.
func (w *flow) echo(f fakefunc.Frame) {
	s := w.streams[f.Stream]
	switch f.Type {
	case protocol.TypeRequest:
		s = &flowing{credit: window, granted: window}
		w.streams[f.Stream] = s
		w.c.Send(fakefunc.Response(f.Stream, 200, "", false))
		s.ended = f.End
	case protocol.TypeData:
		if s.granted -= len(f.Payload); s.granted < 0 {
			panic("the host has sent more than it was granted")
		}
		s.queue = append(s.queue, f.Payload...)
		s.ended = f.End
	case protocol.TypeWindow:
		n, err := protocol.ParseWindow(f.Payload)
		if s == nil || err != nil {
			return // it crossed the end
		}
		s.credit += int(n)
	default:
		return
	}
	w.pump(f.Stream, s)
}

func (w *flow) pump(stream uint32, s *flowing) {
	for n := min(len(s.queue), s.credit, 20000); n > 0; n = min(len(s.queue), s.credit, 20000) {
		w.c.Send(protocol.AppendData(nil, stream, s.queue[:n], false))
		s.queue = s.queue[n:]
		s.credit -= n
		s.consumed += n
	}
	if s.ended && len(s.queue) == 0 {
		delete(w.streams, stream)
		w.c.Send(protocol.AppendData(nil, stream, nil, true))
		return
	}
	if !s.ended && s.consumed >= window/2 {
		w.c.Send(protocol.AppendWindow(nil, stream, uint32(s.consumed)))
		s.granted += s.consumed
		s.consumed = 0
	}
}

// client takes a body piece by piece, as the test allows.
type client struct {
	offered atomic.Int64
	took    atomic.Int64
	pieces  chan struct{} // one for each piece; closed: all of them
	over    chan error    // what WriteTo returned
}

// read lets a client read the response of c.
func (c *call) read() *client {
	c.t.Helper()
	if err := c.wait(); err != nil {
		c.t.Fatal(err)
	}
	cl := &client{pieces: make(chan struct{}), over: make(chan error, 1)}
	go func() {
		_, err := c.Response.Stream.WriteTo(cl)
		cl.over <- err
	}()
	return cl
}

func (c *client) Write(p []byte) (int, error) {
	c.offered.Add(int64(len(p)))
	<-c.pieces
	c.took.Add(int64(len(p)))
	return len(p), nil
}

// fill makes a puppet send n bytes of DATA on the stream of c.
func (f *function) fill(c *call, n int) {
	f.t.Helper()
	for ; n > 0; n -= 50000 {
		f.must(c.data(min(n, 50000), false))
	}
}

func TestAWorkerMaySendExactlyOneWindowToASlowClient(t *testing.T) {
	f := start(t, puppet)
	c := f.hold(request("/"))
	f.must(c.respond("inline bytes do not count", false))
	client := c.read()

	f.fill(c, window)
	f.must(c.data(0, true))
	close(client.pieces)

	if err := <-client.over; err != nil || client.took.Load() != window+25 {
		t.Errorf("the client got %d bytes, %v", client.took.Load(), err)
	}
	c.close()
}

func TestOneByteOverTheWindowIsAViolation(t *testing.T) {
	f := start(t, puppet)
	c := f.hold(request("/"))
	f.must(c.respond("inline", false))
	client := c.read()
	f.fill(c, window)

	violation := f.violate(c.data(1, false))["violation"]

	close(client.pieces)
	lost := new(exchange.LostError)
	if err := <-client.over; !errors.As(err, &lost) || lost.Cause != exchange.CauseProtocol {
		t.Errorf("the client got %v", err)
	}
	c.close()
	if !strings.HasPrefix(fmt.Sprint(violation), "more DATA than the window allows at byte ") {
		t.Errorf("got %q", violation)
	}
}

func TestTheHostGrantsWhatTheClientHasTakenInStepsOfHalfAWindow(t *testing.T) {
	f := start(t, puppet)
	c := f.hold(request("/"))
	f.must(c.respond(strings.Repeat("i", 60000), false))
	client := c.read()
	close(client.pieces)

	f.fill(c, window/2-1)
	eventually(t, "the client has all", func() bool { return client.took.Load() == 60000+window/2-1 })
	f.must() // whatever was granted has come
	if got := f.lines("log"); len(got) != 1 {
		t.Fatalf("the worker got %q after less than half a window", got)
	}
	f.must(c.data(1, false))
	f.awaitLine(fmt.Sprintf("WINDOW 1: %d", window/2))

	f.fill(c, window) // as much as before: half of it was granted anew
	f.must(c.data(0, true))
	if err := <-client.over; err != nil {
		t.Error(err)
	}
	c.close()
}

func TestNothingIsGrantedAfterTheWorkersEnd(t *testing.T) {
	f := start(t, puppet)
	c := f.hold(request("/"))
	f.must(c.respond("i", false))
	client := c.read()
	f.fill(c, window)
	f.must(c.data(0, true))

	close(client.pieces)

	if err := <-client.over; err != nil {
		t.Error(err)
	}
	c.close()
	f.must() // whatever was sent has come
	if got := f.lines("log"); len(got) != 1 {
		t.Errorf("the worker got %q", got)
	}
}

func TestTheHostSendsAsMuchAsItIsGrantedAndNeverMore(t *testing.T) {
	f := start(t, puppet)
	r := request("/")
	body, client := pipeUpload()
	r.Stream = body
	c := f.hold(r)
	sent := make(chan error, 1)
	go func() {
		_, err := client.Write(make([]byte, 2*window))
		sent <- errors.Join(err, client.Close())
	}()

	received := func() (n int) {
		for _, line := range f.lines("log") {
			var stream, size int
			if k, _ := fmt.Sscanf(line, "DATA %d: %d", &stream, &size); k == 2 {
				n += size
			}
		}
		return n
	}
	granted := window
	for _, more := range []uint32{0, 1, 4095, 0, 70000} {
		eventually(t, "what was granted has come", func() bool { return received() >= granted })
		f.must(c.window(more))
		granted += int(more)
	}
	eventually(t, "what was granted has come", func() bool { return received() >= granted })
	f.must() // whatever was sent has come
	if got := received(); got != granted {
		t.Errorf("the host sent %d bytes, granted were %d", got, granted)
	}

	f.must(c.window(1<<32-1), c.window(1<<32-1))
	f.awaitLine("DATA 1: 0 END")
	if err := <-sent; err != nil || received() != 2*window {
		t.Errorf("the host sent %d bytes, %v", received(), err)
	}
	f.must(c.window(1), c.respond("", true), c.window(1)) // neither is of any use, but allowed
	if err := c.wait(); err != nil {
		t.Error(err)
	}
}

// torrent knows no window. It answers with ten megabytes, and tells on stderr when it can write no more.
var torrent = scene("answer with ten megabytes without windows", func(c *fakefunc.Conn) {
	c.Greet(plainly...)
	c.ServeRequests(func(stream uint32, _ protocol.Request) {
		var sent atomic.Int64
		stuck := time.AfterFunc(time.Hour, func() { fmt.Fprintln(os.Stderr, sent.Load()) })
		c.Send(fakefunc.Response(stream, 200, "", false))
		for range torrentSize / 4000 {
			stuck.Reset(100 * time.Millisecond)
			c.Send(protocol.AppendData(nil, stream, make([]byte, 4000), false))
			sent.Add(4000)
		}
		stuck.Stop()
		c.Send(protocol.AppendData(nil, stream, nil, true))
	})
})

const torrentSize = 10_000_000

// stuckAt waits until a torrent can write no more and returns how much it has written.
func (f *function) stuckAt() (n int) {
	f.t.Helper()
	eventually(f.t, "the worker is stuck behind a window", func() bool {
		for _, line := range f.lines("stderr") { // a busy machine may hold it up, too: that does not count
			if _, err := fmt.Sscan(line, &n); err != nil {
				f.t.Fatal(err)
			}
		}
		return n >= window
	})
	return n
}

func TestAWorkerWithoutWindowsIsNotReadFurtherThanAWindow(t *testing.T) {
	f := start(t, torrent)
	c := f.begin(request("/"))
	client := c.read()

	n := f.stuckAt()

	// Beside the window: the frame that filled it, the reader's buffer, the pipe, and the headers of all.
	if most := window + 4000 + 2*protocol.MaxPayload + 64<<10 + 2000; n > most {
		t.Errorf("the worker was stuck after %d bytes", n)
	}
	close(client.pieces)
	if err := <-client.over; err != nil || client.took.Load() != torrentSize {
		t.Errorf("the client got %d bytes, %v", client.took.Load(), err)
	}
	c.close()
}

func TestADeadlineFreesAWorkerWithoutWindowsFromItsSlowClient(t *testing.T) {
	f := start(t, torrent)
	r := request("/")
	r.Timeout = 500 * time.Millisecond
	c := f.begin(r)
	client := c.read()

	eventually(t, "the worker has got rid of its response", c.freed.Load)

	close(client.pieces)
	if err := <-client.over; !errors.Is(err, exchange.ErrDeadline) {
		t.Errorf("the client got %v", err)
	}
	c.close()
}

func TestAClientThatLeavesFreesAWorkerWithoutWindows(t *testing.T) {
	f := start(t, torrent)
	c := f.begin(request("/"))
	if err := c.wait(); err != nil {
		t.Fatal(err)
	}
	f.stuckAt()

	c.close()

	eventually(t, "the worker has got rid of its response", c.freed.Load)
}

func TestTheEndOfAWorkerWithoutWindowsIsNoticedWhileItIsNotRead(t *testing.T) {
	f := start(t, torrent)
	c := f.begin(request("/"))
	client := c.read()
	f.stuckAt()

	f.signal(syscall.SIGKILL)

	if why := f.awaitEnd(); why != life.Crash {
		t.Errorf("it ended because of %s", why)
	}
	close(client.pieces)
	if err := <-client.over; !errors.As(err, new(*exchange.LostError)) {
		t.Errorf("the client got %v", err)
	}
	c.close()
}

// sizer answers with the size of the body, once it has come.
var sizer = scene("tell the body's size without windows", func(c *fakefunc.Conn) {
	c.Greet(plainly...)
	size := 0
	c.Serve(func(f fakefunc.Frame) {
		if f.Type == protocol.TypeData {
			size += len(f.Payload)
		}
		if f.End {
			c.Send(fakefunc.Response(f.Stream, 200, fmt.Sprint(size), true))
		}
	})
})

func TestAnUploadWaitsForAWorkerThatDoesNotRead(t *testing.T) {
	for scene, most := range map[string]int64{
		sizer:      64<<10 + 3*32<<10, // the pipe, what waits to be written, and what was read last
		echoStream: window,
	} {
		t.Run(scene, func(t *testing.T) {
			f := start(t, scene)
			f.signal(syscall.SIGSTOP)
			r := request("/")
			client := &source{left: torrentSize}
			r.Stream = upload{client, func() error { return nil }}
			c := f.begin(r)

			eventually(t, "the client is stuck", client.stuck)

			if n := client.taken.Load(); n < 64<<10 || n > most {
				t.Errorf("%d bytes were taken from the client, want at most %d", n, most)
			}
			f.signal(syscall.SIGCONT)
			if err := c.wait(); err != nil {
				t.Fatal(err)
			}
			c.body()
			if n := client.taken.Load(); n != torrentSize {
				t.Errorf("%d bytes were taken in the end", n)
			}
		})
	}
}

func TestUploadsWaitWhileMuchIsPending(t *testing.T) {
	f := start(t, echoStream)
	f.signal(syscall.SIGSTOP)
	const uploads = 8 // with a window each they would make two megabytes
	var clients [uploads]*source
	var calls [uploads]*call
	for i := range uploads {
		clients[i] = &source{left: window}
		r := request("/")
		r.Stream = upload{clients[i], func() error { return nil }}
		calls[i] = f.begin(r)
	}
	all := source{}
	eventually(t, "the clients are stuck", func() bool {
		taken := int64(0)
		for _, client := range clients {
			taken += client.taken.Load()
		}
		all.taken.Store(taken)
		return all.stuck()
	})

	// Each of them may have had a piece in its hands when the last of the room was taken.
	if n := f.Pending(); n < worker.Backlog || n > worker.Backlog+uploads*(protocol.MaxPayload+protocol.HeaderSize) {
		t.Errorf("%d bytes are pending", n)
	}
	f.signal(syscall.SIGCONT)
	for i, c := range calls {
		if err := c.wait(); err != nil {
			t.Fatal(err)
		}
		c.body()
		if n := clients[i].taken.Load(); n != window {
			t.Errorf("%d bytes of an upload were taken in the end", n)
		}
	}
}

func TestPipesAreWidenedForLargeBodiesOnly(t *testing.T) {
	f := start(t, echoStream)
	f.do(request("/"))
	if in, out := f.PipeSizes(); in != 64<<10 || out != 64<<10 {
		t.Errorf("before, the pipes hold %d and %d bytes", in, out)
	}
	r := request("/")
	r.Stream = upload{&source{left: window}, func() error { return nil }}
	c := f.begin(r)
	if err := c.wait(); err != nil {
		t.Fatal(err)
	}
	c.body()
	if in, out := f.PipeSizes(); in != 256<<10 || out != 256<<10 {
		t.Errorf("after, the pipes hold %d and %d bytes", in, out)
	}
}

// source is a client's body of which all is there, and nobody cares what is in it.
type source struct {
	left  int
	taken atomic.Int64

	before int64     // what was taken when stuck was asked last
	since  time.Time // when that changed
}

func (s *source) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), s.left)
	s.left -= n
	s.taken.Add(int64(n))
	return n, nil
}

// stuck reports whether nothing was taken for a while.
func (s *source) stuck() bool {
	if now := s.taken.Load(); now != s.before || now == 0 {
		s.before, s.since = now, time.Now()
	}
	return time.Since(s.since) > 100*time.Millisecond
}

// The reader of a worker waits for the pipe alone.
func TestOneSlowClientDoesNotHoldUpAnother(t *testing.T) {
	f := start(t, puppet)
	slow := f.hold(request("/"))
	f.must(slow.respond("", false))
	client := slow.read()
	f.fill(slow, window)

	for range 100 {
		quick := f.hold(request("/"))
		f.must(quick.respond("quick", true))
		if err := quick.wait(); err != nil {
			t.Fatal(err)
		}
	}

	f.must(slow.data(0, true))
	close(client.pieces)
	if err := <-client.over; err != nil {
		t.Error(err)
	}
	slow.close()
}

func TestAWorkerThatDoesNotReadHoldsUpNoCaller(t *testing.T) {
	f := start(t, puppet)
	f.signal(syscall.SIGSTOP)
	var calls []*call
	for range 64 {
		r := request("/")
		r.Body = make([]byte, 60000)
		r.Timeout = 200 * time.Millisecond
		calls = append(calls, f.begin(r))
	}

	for _, c := range calls {
		if err := c.wait(); !errors.Is(err, exchange.ErrDeadline) || c.spent > 10*time.Second {
			t.Errorf("got %v after %v", err, c.spent)
		}
	}
}
