package fwatchdog_test

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
	"fwatchdog/sdk/go/workertest"
)

// seen calls a handler that looks at the request, within a bubble.
func seen(t *testing.T, r workertest.Request, look func(t *testing.T, r *fwatchdog.Request)) {
	t.Helper()
	in(t, func(t *testing.T) {
		answer := workertest.Call(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			look(t, r)
			return say(w, "looked")
		}, r)
		if string(answer.Body) != "looked" {
			t.Errorf("got %+v", answer)
		}
	})
}

func TestRequestIsAsReceived(t *testing.T) {
	seen(t, workertest.Request{
		Method:  "PROPFIND",
		Target:  "/a%2Fb/c\xe9?x=1&x=2&y=%20+?",
		Headers: []string{"Host: example.com", "Accept: a", "accept: b", "X-Empty: ", "X-Call-Id: id-7", "X-Latin: \xe4\xff"},
		Body:    []byte("body"),
	}, func(t *testing.T, r *fwatchdog.Request) {
		got := []string{r.Method, r.Target, r.Path, r.RawQuery, r.CallID(), fmt.Sprint(r.ContentLength)}
		want := []string{"PROPFIND", "/a%2Fb/c\xe9?x=1&x=2&y=%20+?", "/a%2Fb/c\xe9", "x=1&x=2&y=%20+?", "id-7", "4"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(url.Values{"x": {"1", "2"}, "y": {"  ?"}}, r.Query()); diff != "" {
			t.Errorf("query (-want +got):\n%s", diff)
		}
	})
}

func TestHeadersAreLookedUpWithoutRegardToCase(t *testing.T) {
	cookie := strings.Repeat("c", 60_000)
	seen(t, workertest.Request{Headers: []string{"Accept: a", "aCCept: b", "X-Empty: ", "X-Latin: \xe4\xff", "Cookie: " + cookie}},
		func(t *testing.T, r *fwatchdog.Request) {
			for name, want := range map[string]string{
				"accept": "a", "ACCEPT": "a", "x-empty": "", "x-none": "", "X-Latin": "\xe4\xff", "Cookie": cookie,
			} {
				if got := r.Headers.Get(name); got != want {
					t.Errorf("Get(%q) = %.40q, want %.40q", name, got, want)
				}
			}
			if diff := cmp.Diff([]string{"a", "b"}, r.Headers.Values("Accept")); diff != "" {
				t.Errorf("Values (-want +got):\n%s", diff)
			}
			var names []string
			for name := range r.Headers.All() {
				names = append(names, name)
			}
			if diff := cmp.Diff([]string{"accept", "accept", "x-empty", "x-latin", "cookie"}, names); diff != "" {
				t.Errorf("All (-want +got):\n%s", diff)
			}
			for range r.Headers.All() {
				break // one may stop early
			}
		})
}

func TestRequestIsTheHandlersToKeep(t *testing.T) {
	in(t, func(t *testing.T) {
		type kept struct{ target, header, body string }
		var all []kept
		var bodies [][]byte
		h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			body, err := r.Bytes()
			bodies = append(bodies, body)
			all = append(all, kept{r.Target, r.Headers.Get("x"), ""})
			return err
		})
		var want []kept
		for i := range 50 {
			k := kept{fmt.Sprintf("/%d", i), strings.Repeat("h", i), strings.Repeat("b", i)}
			want = append(want, k)
			h.Response(h.Request(workertest.Request{Target: k.target, Headers: []string{"x: " + k.header}, Body: []byte(k.body)}))
		}
		for i := range all {
			all[i].body = string(bodies[i])
		}
		if diff := cmp.Diff(want, all, cmp.AllowUnexported(kept{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestContentLengthIsKnownOrAnnouncedOrNot(t *testing.T) {
	tests := []struct {
		name    string
		whole   bool
		headers []string
		want    int64
	}{
		{"the whole body came with the head", true, []string{"content-length: 99"}, 4},
		{"the rest was announced", false, []string{"content-length: 99"}, 99},
		{"nothing was announced", false, nil, -1},
		{"no number was announced", false, []string{"content-length: -4"}, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
					return say(w, fmt.Sprint(r.ContentLength))
				})
				send := h.Open
				if tt.whole {
					send = h.Request
				}
				r := h.Response(send(workertest.Request{Method: "POST", Headers: tt.headers, Body: []byte("body")}))
				if string(r.Body) != fmt.Sprint(tt.want) {
					t.Errorf("got %s, want %d", r.Body, tt.want)
				}
			})
		})
	}
}

func TestBodiesOfAllSizesComeWhole(t *testing.T) {
	for _, size := range []int{0, 1, 4083, 4084, 4085, 65535, 65536, 65537, 262144, 262145, 5_000_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			in(t, func(t *testing.T) {
				body := bytes.Repeat([]byte("0123456789a"), size/11+1)[:size]
				for name, handler := range map[string]fwatchdog.Handler{
					"as it goes": echo,
					"at once": func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
						b, err := r.Bytes()
						if err != nil {
							return err
						}
						_, err = w.Write(b)
						return err
					},
				} {
					r := workertest.Call(t, handler, workertest.Request{Method: "POST", Body: body})
					if !bytes.Equal(r.Body, body) {
						t.Errorf("%s: %d bytes came back, %s", name, len(r.Body), r.Error)
					}
				}
			})
		})
	}
}

func TestBytesReturnsWhatIsLeft(t *testing.T) {
	seen(t, workertest.Request{Method: "POST", Body: []byte("0123456789")}, func(t *testing.T, r *fwatchdog.Request) {
		start := make([]byte, 3)
		if _, err := io.ReadFull(r.Body, start); err != nil {
			t.Error(err)
		}
		rest, err := r.Bytes()
		if string(start)+"|"+string(rest) != "012|3456789" || err != nil {
			t.Errorf("got %q and %q, %v", start, rest, err)
		}
		if n, err := r.Body.Read(start); n != 0 || err != io.EOF {
			t.Errorf("after the end: %d, %v", n, err)
		}
	})
}

func TestCopyingTheBodyCopiesAllOfIt(t *testing.T) {
	for _, size := range []int{0, 10_000, 300_000} {
		in(t, func(t *testing.T) {
			body := bytes.Repeat([]byte("x"), size)
			got := workertest.Call(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
				n, err := io.Copy(w, r.Body)
				if n != int64(size) {
					t.Errorf("copied %d bytes of %d", n, size)
				}
				return err
			}, workertest.Request{Method: "POST", Body: body})
			if !bytes.Equal(got.Body, body) {
				t.Errorf("%d bytes came back, %s", len(got.Body), got.Error)
			}
		})
	}
}

// windows returns the WINDOW frames that came on a stream so far.
func windows(t *testing.T, h *workertest.Host, count int) (bytes []uint32) {
	t.Helper()
	for range count {
		n, err := protocol.ParseWindow(h.Expect(protocol.TypeWindow).Payload)
		if err != nil {
			t.Fatal(err)
		}
		bytes = append(bytes, n)
	}
	return bytes
}

// quiet fails when the worker has anything to say once everybody waits.
func quiet(t *testing.T, h *workertest.Host) {
	t.Helper()
	synctest.Wait()
	h.Send(protocol.AppendPing(nil, 7))
	h.Expect(protocol.TypePong)
}

func TestWindowIsGrantedForWhatWasReadInStepsOfHalf(t *testing.T) {
	in(t, func(t *testing.T) {
		read := make(chan int)
		h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			for n := range read {
				if _, err := io.CopyN(io.Discard, r.Body, int64(n)); err != nil {
					return err
				}
			}
			return nil
		})
		stream := h.Open(workertest.Request{Method: "POST", Body: make([]byte, 1000)}) // inline bytes do not count
		for range protocol.DefaultWindow / protocol.MaxPayload {
			h.Send(protocol.AppendData(nil, stream, make([]byte, protocol.MaxPayload), false))
		}
		const half = protocol.DefaultWindow / 2
		read <- 1000 + half - 1
		quiet(t, h)
		read <- 1
		if got := windows(t, h, 1); got[0] != half {
			t.Errorf("granted %d, want %d", got[0], half)
		}
		h.Send(protocol.AppendData(nil, stream, make([]byte, protocol.MaxPayload), true))
		synctest.Wait() // the end has come when the handler reads on
		read <- half + protocol.MaxPayload
		quiet(t, h) // there is nothing left to grant
		close(read)
		h.Response(stream)
	})
}

func TestHostWithoutWindowIsNeitherLimitedNorGranted(t *testing.T) {
	in(t, func(t *testing.T) {
		const size = 2 * protocol.DefaultWindow
		h := workertest.Launch(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			body, err := r.Bytes()
			if err != nil {
				return err
			}
			_, err = w.Write(body)
			return err
		})
		h.Send(protocol.AppendHello(nil))
		h.Expect(protocol.TypeHello)
		h.Expect(protocol.TypeReady)
		stream := h.Open(workertest.Request{Method: "POST"})
		for sent := 0; sent < size; sent += protocol.MaxPayload {
			h.Send(protocol.AppendData(nil, stream, make([]byte, protocol.MaxPayload), sent+protocol.MaxPayload == size))
		}
		total := 0
		for {
			f := h.NextOn(stream)
			if f.Type == protocol.TypeWindow {
				t.Fatal("WINDOW, which the host does not know")
			}
			total += len(f.Payload)
			if f.End {
				break
			}
		}
		if total != size+8 { // the head's meta
			t.Errorf("%d bytes came, want %d", total, size)
		}
	})
}
