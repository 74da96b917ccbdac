package openfaas

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
	"fwatchdog/sdk/go/workertest"
)

// TestMain plays a function with an unknown signature when a test has started this binary for it.
func TestMain(m *testing.M) {
	if os.Getenv("PLAY_FUNCTION") != "" {
		os.Exit(Serve(func(int) int { return 0 }))
	}
	goleak.VerifyTestMain(m)
}

// Request and Response are those of github.com/openfaas/templates-sdk/go-http.
type Response struct {
	Body       []byte
	StatusCode int
	Header     http.Header
}

type Request struct {
	Body        []byte
	Header      http.Header
	QueryString string
	Method      string
	Host        string
	ctx         context.Context
}

func (r *Request) Context() context.Context { return r.ctx }

func (r *Request) WithContext(ctx context.Context) { r.ctx = ctx }

func call(t *testing.T, function any, r workertest.Request) (answer workertest.Response) {
	t.Helper()
	handler, err := Handler(function)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { answer = workertest.Call(t, handler, r) })
	return answer
}

var sample = workertest.Request{
	Method:  "PUT",
	Target:  "/a/b?x=1&y=2",
	Headers: []string{"host: example.com", "x-one: 1", "x-one: 2"},
	Body:    []byte("body"),
}

func TestMiddlewareIsAnOrdinaryHandler(t *testing.T) {
	got := call(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what came shows in the answer
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.RequestURI, r.Host, r.Header["X-One"], body)
	}, sample)
	if text := fmt.Sprintf("%d %s", got.Status, got.Body); text != "202 PUT /a/b?x=1&y=2 example.com [1 2] body" {
		t.Errorf("got %q", text)
	}
}

// registerRoute does what the init function of a package like net/http/pprof does.
var registerRoute = sync.OnceFunc(func() {
	http.HandleFunc("/debug/{what}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "debug ", r.PathValue("what")) })
})

func TestMiddlewareComesBehindTheRoutesOfItsPackages(t *testing.T) {
	registerRoute()
	function := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "function") }
	for target, want := range map[string]string{"/debug/heap": "debug heap", "/": "function", "/debug": "function"} {
		if got := call(t, function, workertest.Request{Target: target}); string(got.Body) != want {
			t.Errorf("%s: got %q, want %q", target, got.Body, want)
		}
	}
}

func TestGolangHTTPGetsTheRequestAndItsContext(t *testing.T) {
	call(t, func(r Request) (Response, error) {
		want := Request{
			Body: []byte("body"), Header: http.Header{"X-One": {"1", "2"}}, QueryString: "x=1&y=2", Method: "PUT", Host: "example.com", ctx: r.ctx,
		}
		if diff := cmp.Diff(want, r, cmp.AllowUnexported(Request{}), cmp.Comparer(func(a, b context.Context) bool { return a == b })); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if r.Context() == nil || r.Context().Err() != nil {
			t.Errorf("context %v", r.Context())
		}
		return Response{}, nil
	}, sample)
}

func TestGolangHTTPAnswersWithWhatItReturns(t *testing.T) {
	header := http.Header{"X-One": {"1", "2"}, "Content-Type": {"text/x"}}
	tests := []struct {
		name     string
		response Response
		err      error
		want     workertest.Response
	}{
		{"nothing", Response{}, nil, workertest.Response{Status: 200, Body: []byte{}}},
		{"status, body and headers", Response{[]byte("teapot"), 418, header}, nil,
			workertest.Response{Status: 418, Headers: []string{"content-type: text/x", "x-one: 1", "x-one: 2"}, Body: []byte("teapot")}},
		{"a body of a type that shows", Response{Body: []byte("<html>")}, nil,
			workertest.Response{Status: 200, Headers: []string{"content-type: text/html; charset=utf-8"}, Body: []byte("<html>")}},
		{"an error with body and headers", Response{[]byte("sorry"), 200, header}, errors.New("boom"),
			workertest.Response{Status: 500, Headers: []string{"content-type: text/x", "x-one: 1", "x-one: 2"}, Body: []byte("sorry")}},
		{"an error alone", Response{}, errors.New("boom"), workertest.Response{Status: 500, Body: []byte{}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := call(t, func(Request) (Response, error) { return tt.response, tt.err }, workertest.Request{})
			tt.want.Frames = []string{"RESP+END"}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A client that goes while it uploads is no failure of the function, which does not run.
func TestGolangHTTPDoesNotRunOnHalfARequest(t *testing.T) {
	handler, err := Handler(func(Request) (Response, error) {
		t.Error("it ran")
		return Response{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		h := workertest.Start(t, handler)
		stream := h.Open(workertest.Request{Method: "POST", Body: []byte("half")})
		h.Send(protocol.AppendCancel(nil, stream, protocol.CancelClientGone))
		if r := h.Response(stream); r.Code != protocol.CodeCancelled {
			t.Errorf("got %+v", r)
		}
	})
}

func TestClassicAnswersWithALine(t *testing.T) {
	got := call(t, func(req []byte) string { return "got " + string(req) }, sample)
	want := workertest.Response{Status: 200, Body: []byte("got body\n"), Frames: []string{"RESP+END"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestClassicDoesNotRunOnHalfARequest(t *testing.T) {
	handler, err := Handler(func([]byte) string { t.Error("it ran"); return "" })
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		h := workertest.Start(t, handler)
		stream := h.Open(workertest.Request{Method: "POST", Body: []byte("half")})
		h.Send(protocol.AppendCancel(nil, stream, protocol.CancelClientGone))
		if r := h.Response(stream); r.Code != protocol.CodeCancelled {
			t.Errorf("got %+v", r)
		}
	})
}

func TestNativeHandlerIsTakenAsItIs(t *testing.T) {
	got := call(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
		_, err := io.WriteString(w, r.Target)
		return err
	}, sample)
	if string(got.Body) != sample.Target {
		t.Errorf("got %+v", got)
	}
}

func TestPanicInAnyStyleIsA500(t *testing.T) {
	for name, function := range map[string]any{
		"golang-middleware": func(http.ResponseWriter, *http.Request) { panic("boom") },
		"golang-http":       func(Request) (Response, error) { panic("boom") },
		"go":                func([]byte) string { panic("boom") },
	} {
		if got := call(t, function, workertest.Request{}); got.Code != protocol.CodeRaised || !strings.HasPrefix(got.Error, "boom\n") {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestUnknownSignatureIsRefusedWithTheKnownOnes(t *testing.T) {
	type short struct{ Body []byte }
	type wrong struct {
		Body       string
		StatusCode int
		Header     http.Header
	}
	for _, function := range []any{
		nil, 7, "text", func() {}, func(string) string { return "" }, func(http.ResponseWriter) {},
		func(Request) Response { return Response{} },
		func(Request) (Response, string) { return Response{}, "" },
		func(*Request) (Response, error) { return Response{}, nil },
		func(short) (Response, error) { return Response{}, nil },
		func(Request) (wrong, error) { return wrong{}, nil },
	} {
		handler, err := Handler(function)
		if handler != nil || err == nil {
			t.Errorf("%T was taken", function)
			continue
		}
		want := fmt.Sprintf("openfaas: Handle is a %T; it must be one of\n", function)
		if !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "\n  func([]byte) string") {
			t.Errorf("%T: got %v", function, err)
		}
	}
}

func TestWorkerOfAnUnknownSignatureDoesNotStart(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(exe)
	command.Env = append(os.Environ(), "PLAY_FUNCTION=1")
	h := workertest.Spawn(t, command)
	h.Expect(protocol.TypeHello)
	code, text, err := protocol.ParseError(h.Expect(protocol.TypeError).Payload)
	if err != nil || code != protocol.CodeInit || !strings.HasPrefix(string(text), "openfaas: Handle is a func(int) int; ") {
		t.Errorf("got code %d, %q, %v", code, text, err)
	}
	if code := h.Exit(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}
