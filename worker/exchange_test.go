package worker_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/fakefunc"
	"fwatchdog/internal/life"
	"fwatchdog/protocol"
	"fwatchdog/worker"
)

// mirror answers every request with a description of it, once its body has come.
var mirror = scene("mirror requests", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	said := map[uint32]string{}
	c.Serve(func(f fakefunc.Frame) {
		switch f.Type {
		case protocol.TypeRequest:
			r := f.Request()
			said[f.Stream] = fmt.Sprintf("stream %d: %s %s in %d ms\n", f.Stream, r.Method, r.Target, r.TimeoutMs)
			for key, value := range r.Headers.All() {
				said[f.Stream] += fmt.Sprintf("%s: %s\n", key, value)
			}
			said[f.Stream] += fmt.Sprintf("inline %d", len(r.Body))
		case protocol.TypeData:
			said[f.Stream] += fmt.Sprintf(", data %d", len(f.Payload))
		default:
			return
		}
		if f.End {
			c.Send(fakefunc.Response(f.Stream, 200, said[f.Stream]+", end", true))
		}
	})
})

func TestARequestReachesTheWorkerAsItIs(t *testing.T) {
	f := start(t, mirror)
	r := request("/a%20b?c=d")
	r.Method = []byte("PUT")
	r.Header = []exchange.Field{{Key: []byte("Host"), Value: []byte("example.com")},
		{Key: []byte("x-twice"), Value: []byte("1")}, {Key: []byte("x-twice"), Value: []byte("\xff2")}, {Key: []byte("x-empty")}}
	r.Body = []byte("hello")
	r.Timeout = 90 * time.Second

	_, got := f.do(r)

	want := "stream 1: PUT /a%20b?c=d in 90000 ms\nhost: example.com\nx-twice: 1\nx-twice: \xff2\nx-empty: \ninline 5, end"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// trailing answers with more behind the response, in one write: what the target says.
var trailing = scene("answer with more behind it", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	c.ServeRequests(func(stream uint32, r protocol.Request) {
		behind := map[string][]byte{
			"/text":    []byte("printed\n"),
			"/zeros":   make([]byte, 64), // as the header of a frame they would say that it is empty
			"/unknown": {0xFB, 0xF7, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		}
		c.Send(fakefunc.Response(stream, 200, string(r.Target), true), behind[string(r.Target)])
	})
})

func TestAnExchangeThatBeginsAtTheEndOfAnotherIsAnswered(t *testing.T) {
	for _, target := range []string{"/nothing", "/text", "/zeros", "/unknown"} {
		t.Run(target, func(t *testing.T) {
			f := start(t, trailing)
			first, second := &call{t: t}, &call{t: t}
			first.Request, second.Request = request(target), request("/2")
			begun := make(chan exchange.Pending, 1)

			err := do(t.Context(), f.Framed, &first.Exchange, func() { // the reader's: nobody else would flush
				pending, err := f.Begin(t.Context(), &second.Exchange, second.free)
				if err != nil {
					t.Error(err)
				}
				begun <- pending
			})

			if err != nil {
				t.Fatal(err)
			}
			if err := (<-begun).Wait(); err != nil || string(second.Response.Body) != "/2" {
				t.Errorf("got %q, %v", second.Response.Body, err)
			}
		})
	}
}

func TestTimeoutsOnTheWireAreNotZeroUnlessThereIsNone(t *testing.T) {
	f := start(t, mirror)
	for timeout, want := range map[time.Duration]string{
		0:                     "in 0 ms",
		3 * time.Minute:       "in 180000 ms",
		100 * 24 * time.Hour:  "in 4294967295 ms",
		59*time.Second + 1500: "in 59000 ms",
	} {
		r := request("/")
		r.Timeout = timeout

		if _, got := f.do(r); !strings.Contains(got, want) {
			t.Errorf("got %q for %v, want %q", got, timeout, want)
		}
	}
}

func TestStreamsAreNumberedFromOneUpward(t *testing.T) {
	f := start(t, mirror)
	for n := range 5 {
		if _, got := f.do(request("/")); !strings.HasPrefix(got, fmt.Sprintf("stream %d:", n+1)) {
			t.Errorf("got %q in exchange %d", got, n)
		}
	}
}

func TestAWholeBodyThatDoesNotFitBesideItsHeadFollowsAsData(t *testing.T) {
	f := start(t, mirror)
	head := 4 + 4 + 2 + 3 + 2 + 1 + 2 // metaLen, timeout, GET, /, no headers
	for size, want := range map[int]string{
		0:                              "inline 0, end",
		protocol.MaxPayload - head:     fmt.Sprintf("inline %d, end", protocol.MaxPayload-head),
		protocol.MaxPayload - head + 1: fmt.Sprintf("inline 0, data %d, end", protocol.MaxPayload-head+1),
		worker.MaxWholeBody:            fmt.Sprintf("inline 0, data %d, end", worker.MaxWholeBody),
	} {
		r := request("/")
		r.Body = make([]byte, size)

		if _, got := f.do(r); !strings.HasSuffix(got, "\n"+want) {
			t.Errorf("got %q for %d bytes, want %q", got, size, want)
		}
	}
}

func TestABodyTooLargeToBeGivenWholeIsRefused(t *testing.T) {
	f := start(t, mirror)
	r := request("/")
	r.Body = make([]byte, worker.MaxWholeBody+1)

	c := f.begin(r)

	if err := c.wait(); err == nil || !c.freed.Load() {
		t.Errorf("got %v, place given back: %v", err, c.freed.Load())
	}
}

func TestAHeadThatDoesNotFitOneFrameIsSeenByNoWorker(t *testing.T) {
	f := start(t, mirror)
	large := []exchange.Field{{Key: []byte("x-large"), Value: make([]byte, 65000)}, {Key: []byte("x"), Value: make([]byte, 1000)}}
	for name, body := range map[string][]byte{"without a body": nil, "with a body": []byte("body")} {
		r := request("/")
		r.Header, r.Body = large, body

		c := f.begin(r)

		if err := c.wait(); !errors.Is(err, exchange.ErrHeadTooLarge) || !c.freed.Load() {
			t.Errorf("%s: got %v, place given back: %v", name, err, c.freed.Load())
		}
	}
	if _, got := f.do(request("/")); !strings.HasPrefix(got, "stream 1:") {
		t.Errorf("got %q, want the worker's first stream", got)
	}
}

// answers is a function whose answer depends on the target alone. What it sends leaves in one write or in several.
var answers = scene("answer in every legal way", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	data := func(stream uint32, text string, last bool) []byte {
		return protocol.AppendData(nil, stream, []byte(text), last)
	}
	c.ServeRequests(func(stream uint32, r protocol.Request) {
		head := fakefunc.Response(stream, 200, "", false)
		switch target := string(r.Target); target {
		case "/headers":
			b := protocol.BeginResponse(nil, stream, 299, protocol.MaxPayload)
			b.Pair([]byte("set-cookie"), []byte("a=1"))
			b.Pair([]byte("set-cookie"), []byte("b=2"))
			b.Pair([]byte("x-empty"), nil)
			frame, _ := b.End(nil, true) // an error is an empty frame, which the test sees
			c.Send(frame)
		case "/inline and more":
			c.Send(fakefunc.Response(stream, 200, "in", false))
			c.Send(data(stream, "li", false))
			c.Send(data(stream, "ne", true))
		case "/at once":
			c.Send(fakefunc.Response(stream, 200, "in", false), data(stream, "li", false), data(stream, "ne", true))
		case "/empty end":
			c.Send(head, data(stream, "inline", false))
			c.Send(data(stream, "", true))
		case "/nothing":
			c.Send(head, data(stream, "", true))
		case "/unknown frames":
			c.Send(fakefunc.Raw(7, 1, 0, []byte("later")), fakefunc.Raw(15, 0, 12345, nil), fakefunc.Response(stream, 200, "inline", true))
		case "/later fields":
			c.Send(fakefunc.Raw(protocol.TypeResponse, 1, stream, []byte("\x00\x00\x00\x07\x00\xc8\x00\x00newinline")))
		default:
			c.Send(fakefunc.Response(stream, 404, target, true))
		}
	})
})

func TestEveryLegalWayToAnswerGivesTheBody(t *testing.T) {
	f := start(t, answers)
	for target, want := range map[string]string{
		"/inline and more": "inline",
		"/at once":         "inline",
		"/empty end":       "inline",
		"/nothing":         "",
		"/unknown frames":  "inline",
		"/later fields":    "inline",
	} {
		f.get(target, want)
	}
}

func TestAWholeResponseKeepsItsBodyWhenASignalMeantForAnEarlierExchangeComesBeforeItsEnd(t *testing.T) {
	f := start(t, quick)
	client := newSmallClient(t.Context(), f)
	client.x.Woken() // it is there before anybody else wakes
	var over atomic.Bool
	var group sync.WaitGroup
	defer group.Wait()
	defer over.Store(true)
	group.Go(func() {
		for !over.Load() {
			client.x.Wake()
		}
	})

	for range 2_000 {
		if client.exchange(t); client.x.Response.Stream != nil {
			t.Fatal("it comes as a stream, of which no more will come")
		}
	}
}

func TestAResponseKeepsStatusAndRepeatedHeaders(t *testing.T) {
	f := start(t, answers)

	c, _ := f.do(request("/headers"))

	var got strings.Builder
	for _, h := range c.Response.Header {
		fmt.Fprintf(&got, "%s: %s\n", h.Key, h.Value)
	}
	if want := "set-cookie: a=1\nset-cookie: b=2\nx-empty: \n"; got.String() != want || c.Response.Status != 299 {
		t.Errorf("got %d %q, want 299 %q", c.Response.Status, got.String(), want)
	}
}

func TestAResponseIsValidAfterLaterExchangesOfItsStream(t *testing.T) {
	f := start(t, answers)
	first, body := f.do(request("/first"))

	f.get("/other", "/other")

	if body != "/first" || string(first.Response.Body) != "/first" {
		t.Errorf("got %q, then %q", body, first.Response.Body)
	}
}

// refuser answers with the ERROR that the target names; after /late the response has begun by then.
var refuser = scene("answer with errors", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	c.ServeRequests(func(stream uint32, r protocol.Request) {
		var code int
		if n, _ := fmt.Sscanf(string(r.Target), "/late/%d", &code); n == 1 {
			c.Send(fakefunc.Response(stream, 200, "start", false))
		} else if n, _ := fmt.Sscanf(string(r.Target), "/endless/%d", &code); n == 1 {
			c.Send(fakefunc.Raw(protocol.TypeError, 0, stream, []byte{0, byte(code), 'b', 'o', 'o', 'm'}))
			return
		} else if _, err := fmt.Sscanf(string(r.Target), "/%d", &code); err != nil {
			panic(err)
		}
		c.Send(protocol.AppendError(nil, stream, protocol.ErrorCode(code), "boom\nstack", protocol.MaxPayload))
	})
})

func TestAnErrorOfTheWorkersIsARefusal(t *testing.T) {
	f := start(t, refuser)
	for code, want := range map[int]exchange.Refusal{
		1:  exchange.Raised,
		2:  exchange.Cancelled,
		3:  exchange.Raised,
		4:  exchange.NotStarted,
		5:  exchange.BadRequest,
		6:  exchange.Broken,
		77: exchange.Raised,
	} {
		c := f.begin(request(fmt.Sprintf("/%d", code)))
		err := c.wait()

		refused := new(exchange.RefusedError)
		if !errors.As(err, &refused) || refused.Refusal != want || !strings.HasSuffix(refused.Text, "boom\nstack") {
			t.Errorf("got %#v for code %d, want refusal %d", err, code, want)
		}
		if exchange.MayRetry(err) != (code == 4) {
			t.Errorf("may be retried after code %d: %v", code, exchange.MayRetry(err))
		}
		if !c.freed.Load() {
			t.Errorf("the place was kept after code %d", code)
		}
	}
}

func TestAnErrorEndsAStreamByItsType(t *testing.T) {
	f := start(t, refuser)

	c := f.begin(request("/endless/3"))

	if err := c.wait(); !errors.As(err, new(*exchange.RefusedError)) || !c.freed.Load() {
		t.Errorf("got %v, place given back: %v", err, c.freed.Load())
	}
}

func TestAnErrorAfterTheHeadBreaksTheBodyOff(t *testing.T) {
	f := start(t, refuser)

	if err := f.begin(request("/late/3")).outcome(); !errors.As(err, new(*exchange.RefusedError)) {
		t.Errorf("got %v", err)
	}
}

// sleeper answers every request after 100 ms, without holding up others; a worker of one stream, too.
var sleeper = scene("answer after 100 ms", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	c.ServeRequests(func(stream uint32, r protocol.Request) {
		body := string(r.Target)
		time.AfterFunc(100*time.Millisecond, func() { c.Send(fakefunc.Response(stream, 200, body, true)) })
	})
})

func TestSixtyFourRequestsRunAtOnceOnOneWorker(t *testing.T) {
	f := start(t, sleeper)
	best := time.Hour // of several rounds: a busy machine delays some, a worker that takes turns delays all
	for round := 0; round < 20 && best > 200*time.Millisecond; round++ {
		best = min(best, sixtyFourAtOnce(t, f))
	}

	if best > 200*time.Millisecond {
		t.Errorf("64 handlers that wait 100 ms took %v", best)
	}
}

// sixtyFourAtOnce returns how long 64 requests took that were begun together.
func sixtyFourAtOnce(t *testing.T, f *function) time.Duration {
	t.Helper()
	began := time.Now()
	var calls []*call
	for n := range 64 {
		calls = append(calls, f.begin(request(fmt.Sprintf("/%d", n))))
	}
	for n, c := range calls {
		if err := c.wait(); err != nil {
			t.Fatal(err)
		}
		if body := c.body(); body != fmt.Sprintf("/%d", n) {
			t.Errorf("request %d got the answer to %s", n, body)
		}
	}
	return time.Since(began)
}

func TestTheSameOverFD3(t *testing.T) {
	f := start(t, answers, func(cfg *worker.Config) { cfg.Command.FD3 = true })

	f.get("/inline and more", "inline")
	f.get("/x", "/x")
}

func TestAnExchangeThatWasNotWantedAnyMoreIsNotBegun(t *testing.T) {
	f := start(t, mirror)
	c := &call{t: t}
	c.Request = request("/")

	err := do(causeContext{ended(t)}, f.Framed, &c.Exchange, c.free)

	if !errors.Is(err, exchange.ErrClientGone) || !c.freed.Load() {
		t.Errorf("got %v, place given back: %v", err, c.freed.Load())
	}
	if _, got := f.do(request("/")); !strings.HasPrefix(got, "stream 1:") {
		t.Errorf("got %q, want the worker's first stream", got)
	}
}

func TestAWorkerIsReplacedBeforeItsStreamsRunOut(t *testing.T) {
	f := start(t, mirror)
	f.SetLastStream(worker.LastCall - 1)

	f.do(request("/"))
	f.do(request("/"))

	if why := f.asked(); why != life.MaxRequests {
		t.Errorf("it asked because of %s", why)
	}
	f.SetLastStream(1<<32 - 2)
	if _, got := f.do(request("/")); !strings.HasPrefix(got, "stream 4294967295:") {
		t.Errorf("got %q, want the last stream", got)
	}
	lost := new(exchange.LostError)
	if err := f.begin(request("/")).wait(); !errors.As(err, &lost) || !lost.Unseen {
		t.Errorf("got %v after the last stream", err)
	}
	select {
	case why := <-f.Asks():
		t.Errorf("it asked twice: %s", why)
	default:
	}
}

var echoStream = scene("echo the body as it comes", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	flow := newFlow(c)
	c.Serve(flow.echo)
})

func TestFiveMegabytesGoBothWaysAtOnce(t *testing.T) {
	f := start(t, echoStream)
	text := strings.Repeat("0123456789abcdef", 5<<20/16)
	r := request("/")
	r.Stream = uploadOf(text)

	_, body := f.do(r)

	if body != text {
		t.Errorf("got %d bytes, want the %d that were sent", len(body), len(text))
	}
}

func TestFiveMegabytesGoBothWaysOnEveryStreamAtOnce(t *testing.T) {
	f := start(t, echoStream)
	var calls []*call
	for n := range 8 {
		r := request("/")
		r.Stream = uploadOf(strings.Repeat(string(rune('a'+n)), 5<<20))
		calls = append(calls, f.begin(r))
	}
	results := make(chan string, len(calls))
	for n, c := range calls {
		if err := c.wait(); err != nil {
			t.Fatal(err)
		}
		go func() {
			var all bytes.Buffer
			_, err := c.Response.Stream.WriteTo(&all)
			if want := bytes.Repeat([]byte{byte('a' + n)}, 5<<20); err != nil || !bytes.Equal(all.Bytes(), want) {
				results <- fmt.Sprintf("stream %d: %v, %d bytes", n, err, all.Len())
			}
			results <- ""
		}()
	}
	for _, c := range calls {
		if problem := <-results; problem != "" {
			t.Error(problem)
		}
		defer c.close()
	}
}
