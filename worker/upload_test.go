package worker_test

import (
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
)

func TestAnUploadGoesToTheWorkerAsItComes(t *testing.T) {
	f := start(t, puppet)
	r := request("/")
	body, client := pipeUpload()
	r.Stream = body
	c := f.hold(r)

	for _, piece := range []string{"one", "two!"} {
		if _, err := io.WriteString(client, piece); err != nil {
			t.Fatal(err)
		}
	}
	f.awaitLine("DATA 1: 4")
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	f.awaitLine("DATA 1: 0 END")

	f.must(c.respond("", true))
	if err := c.wait(); err != nil {
		t.Error(err)
	}
	if got := f.lines("log"); !slices.Equal(got, []string{"REQ 1", "DATA 1: 3", "DATA 1: 4", "DATA 1: 0 END"}) {
		t.Errorf("the worker got %q", got)
	}
}

func TestAnAnswerEndsAnUploadThatIsNotRead(t *testing.T) {
	f := start(t, puppet)
	r := request("/")
	body, client := pipeUpload() // of which nothing comes
	r.Stream = body
	c := f.hold(r)

	f.must(c.respond("no, thanks", true))

	if err := c.wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the body is still read: %v", err)
	}
	f.must() // whatever was sent has come
	if got := f.lines("log"); !slices.Equal(got, []string{"REQ 1"}) {
		t.Errorf("the worker got %q", got)
	}
}

func TestAResponseMayBeginBeforeTheUploadHasEnded(t *testing.T) {
	f := start(t, puppet)
	r := request("/")
	body, client := pipeUpload()
	r.Stream = body
	c := f.hold(r)

	f.must(c.respond("begin", false))
	reader := c.read()
	close(reader.pieces)
	if _, err := io.WriteString(client, "more"); err != nil {
		t.Error(err)
	}
	f.awaitLine("DATA 1: 4")
	f.must(c.data(3, true))

	if err := <-reader.over; err != nil || reader.took.Load() != 8 {
		t.Errorf("the client got %d bytes, %v", reader.took.Load(), err)
	}
	c.close()
	if _, err := client.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the body is still read: %v", err)
	}
}

func TestAnUploadThatFailsIsCancelled(t *testing.T) {
	f := start(t, puppet)
	reset := errors.New("connection reset")
	r := request("/")
	body, client := pipeUpload()
	r.Stream = body
	c := f.hold(r)

	if _, err := io.WriteString(client, "part"); err != nil {
		t.Error(err)
	}
	if err := client.CloseWithError(reset); err != nil {
		t.Error(err)
	}

	if err := c.wait(); !errors.Is(err, exchange.ErrBody) || !errors.Is(err, reset) {
		t.Errorf("got %v", err)
	}
	f.awaitLine("CANCEL 1: 2")
	if slices.Contains(f.lines("log"), "DATA 1: 0 END") {
		t.Error("the worker was told that the body is whole")
	}
}

func TestADeadlineEndsAnUpload(t *testing.T) {
	f := start(t, puppet)
	r := within(time.Hour)
	body, client := pipeUpload()
	r.Stream = body
	c := f.hold(r)

	f.Due()

	if err := c.wait(); !errors.Is(err, exchange.ErrDeadline) {
		t.Errorf("got %v", err)
	}
	if _, err := client.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the body is still read: %v", err)
	}
}

func TestAWorkersDeathEndsAnUploadThatWaitsForAWindow(t *testing.T) {
	f := start(t, puppet)
	r := request("/")
	client := &source{left: torrentSize}
	r.Stream = upload{client, func() error { return nil }}
	c := f.hold(r)
	eventually(t, "the upload waits", func() bool { return client.taken.Load() == window })

	f.signal(9)

	lost := new(exchange.LostError)
	if err := c.wait(); !errors.As(err, &lost) || lost.Unseen {
		t.Errorf("got %v", err)
	}
	if why := f.awaitEnd(); why != life.Crash {
		t.Errorf("it ended because of %s", why)
	}
}
