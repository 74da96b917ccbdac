package nethttp_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"fwatchdog/protocol"
	"fwatchdog/sdk/go/nethttp"
	"fwatchdog/sdk/go/workertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call calls an http.Handler in a bubble, where one that hangs is found out at once.
func call(t *testing.T, r workertest.Request, handle http.HandlerFunc) (answer workertest.Response) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { answer = workertest.Call(t, nethttp.Handler(handle), r) })
	return answer
}

func TestRequestIsWhatAServerOfNetHTTPGives(t *testing.T) {
	call(t, workertest.Request{
		Method:  "PROPFIND",
		Target:  "/a%2Fb/c?x=1&y=%20",
		Headers: []string{"host: example.com", "accept: a", "accept: b", "x-empty: ", "x-call-id: id"},
		Body:    []byte("body"),
	}, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if string(body) != "body" || err != nil || r.Body.Close() != nil {
			t.Errorf("body %q, %v", body, err)
		}
		got := []any{r.Method, r.URL.Path, r.URL.EscapedPath(), r.URL.RawQuery, r.RequestURI, r.Host, r.Proto, r.ProtoAtLeast(1, 1), r.ContentLength, r.RemoteAddr}
		want := []any{"PROPFIND", "/a/b/c", "/a%2Fb/c", "x=1&y=%20", "/a%2Fb/c?x=1&y=%20", "example.com", "HTTP/1.1", true, int64(4), "127.0.0.1:0"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(http.Header{"Accept": {"a", "b"}, "X-Empty": {""}, "X-Call-Id": {"id"}}, r.Header); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
	})
}

func TestRequestWithoutABodyHasNone(t *testing.T) {
	call(t, workertest.Request{}, func(_ http.ResponseWriter, r *http.Request) {
		if r.Body != http.NoBody || r.ContentLength != 0 {
			t.Errorf("body %v of %d bytes", r.Body, r.ContentLength)
		}
	})
}

func TestRequestOfUnknownLengthSaysSo(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 100_000)
	got := call(t, workertest.Request{Method: "POST", Body: body}, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != -1 {
			t.Errorf("length %d", r.ContentLength)
		}
		_, _ = io.Copy(w, r.Body) // what came is checked below
	})
	if !bytes.Equal(got.Body, body) {
		t.Errorf("%d bytes came back", len(got.Body))
	}
}

func TestTargetThatIsNoURLIsA400(t *testing.T) {
	got := call(t, workertest.Request{Target: "no url"}, func(http.ResponseWriter, *http.Request) { t.Error("the handler saw it") })
	if got.Status != 400 {
		t.Errorf("got %+v", got)
	}
}

func TestResponseIsWhatAServerOfNetHTTPSends(t *testing.T) {
	html := strings.Repeat("<html>", 100)
	tests := []struct {
		name    string
		method  string
		handle  http.HandlerFunc
		status  int
		headers []string
		body    string
	}{
		{"nothing", "GET", func(http.ResponseWriter, *http.Request) {}, 200, nil, ""},
		{"text", "GET", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "text") },
			200, []string{"content-type: text/plain; charset=utf-8"}, "text"},
		{"a type that shows in the second piece", "GET", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<ht"); fmt.Fprint(w, "ml>") },
			200, []string{"content-type: text/html; charset=utf-8"}, "<html>"},
		{"a type that shows in much", "GET", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, html) },
			200, []string{"content-type: text/html; charset=utf-8"}, html},
		{"a type of its own", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/x")
			fmt.Fprint(w, "<html>")
		}, 200, []string{"content-type: image/x"}, "<html>"},
		{"no type on purpose", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			fmt.Fprint(w, "<html>")
		}, 200, nil, "<html>"},
		{"a coded body", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "<html>")
		}, 200, []string{"content-encoding: gzip"}, "<html>"},
		{"several headers of a name", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Set-Cookie", "a=1")
			w.Header().Add("Set-Cookie", "b=2")
			w.Header().Set("X-Empty", "")
			w.WriteHeader(302)
			w.Header().Set("X-Late", "1")
		}, 302, []string{"set-cookie: a=1", "set-cookie: b=2", "x-empty: "}, ""},
		{"an informational status", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(103)
			w.WriteHeader(404)
		}, 404, nil, ""},
		{"a body that the status forbids", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			if _, err := fmt.Fprint(w, "x"); err != http.ErrBodyNotAllowed {
				t.Errorf("got %v", err)
			}
		}, 204, nil, ""},
		{"HEAD", "HEAD", func(w http.ResponseWriter, _ *http.Request) {
			if n, err := fmt.Fprint(w, "text"); n != 4 || err != nil {
				t.Errorf("got %d, %v", n, err)
			}
		}, 200, []string{"content-type: text/plain; charset=utf-8", "content-length: 4"}, ""},
		{"HEAD with a length of its own", "HEAD", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(200)
		}, 200, []string{"content-length: 1000"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := call(t, workertest.Request{Method: tt.method}, tt.handle)
			want := workertest.Response{Status: tt.status, Headers: tt.headers, Body: []byte(tt.body), Frames: []string{"RESP+END"}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSecondStatusIsIgnoredAndLogged(t *testing.T) {
	got := call(t, workertest.Request{}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(201)
		w.Header().Set("x-second", "1")
		w.WriteHeader(500)
	})
	want := workertest.Response{Status: 201, Body: []byte{}, Frames: []string{"LOG", "RESP+END"}, Logs: []string{"status 500 was set after there was one"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFlushSendsHeadAndPieces(t *testing.T) {
	got := call(t, workertest.Request{}, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		for _, piece := range []string{"one", "two"} {
			fmt.Fprint(w, piece)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}
	})
	want := workertest.Response{Status: 200, Body: []byte("onetwo"), Frames: []string{"RESP", "DATA", "DATA", "DATA+END"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFlushedBeginningDecidesTheType(t *testing.T) {
	got := call(t, workertest.Request{}, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html>")
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "...")
	})
	if got.Header("content-type") != "text/html; charset=utf-8" || len(got.Headers) != 1 || got.Logs != nil {
		t.Errorf("got %+v", got)
	}
}

func TestConnectionCannotBeHijacked(t *testing.T) {
	call(t, workertest.Request{}, func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(http.Hijacker); ok {
			t.Error("it says that it can")
		}
	})
}

func TestPanicIsAnErrorWithTheStackOfItsHandler(t *testing.T) {
	got := call(t, workertest.Request{}, func(http.ResponseWriter, *http.Request) { explode() })
	if got.Code != protocol.CodeRaised || !strings.HasPrefix(got.Error, "boom\n") || !strings.Contains(got.Error, "nethttp_test.explode") {
		t.Errorf("got %+v", got)
	}
}

func explode() { panic("boom") }

func TestErrAbortHandlerBreaksTheResponseOff(t *testing.T) {
	got := call(t, workertest.Request{}, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "start")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	if got.Code != protocol.CodeCancelled || strings.Contains(got.Error, "goroutine") || string(got.Body) != "start" {
		t.Errorf("got %+v", got)
	}
}

func TestContextEndsAtTheDeadlineAndOnCancel(t *testing.T) {
	waits := func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		fmt.Fprint(w, r.Context().Err())
	}
	if got := call(t, workertest.Request{Timeout: time.Second}, waits); string(got.Body) != context.DeadlineExceeded.Error() {
		t.Errorf("at the deadline: got %+v", got)
	}
	synctest.Test(t, func(t *testing.T) {
		h := workertest.Start(t, nethttp.Handler(http.HandlerFunc(waits)))
		stream := h.Request(workertest.Request{})
		h.Send(protocol.AppendCancel(nil, stream, protocol.CancelClientGone))
		if got := h.Response(stream); string(got.Body) != context.Canceled.Error() {
			t.Errorf("on CANCEL: got %+v", got)
		}
	})
}

func TestMuxServesItsPatterns(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "user "+r.PathValue("id")) })
	for target, want := range map[string]string{"/users/7": "200 user 7", "/none": "404 404 page not found\n"} {
		got := call(t, workertest.Request{Target: target}, mux.ServeHTTP)
		if text := fmt.Sprintf("%d %s", got.Status, got.Body); text != want {
			t.Errorf("%s: got %q, want %q", target, text, want)
		}
	}
}
