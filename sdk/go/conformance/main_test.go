package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fwatchdog/protocol"
	"fwatchdog/sdk/go/workertest"
)

// TestMain is the conformance function when a test has started this binary for it. The suite in sdk/conformance asks for
// much more; these tests find out at once when a route breaks.
func TestMain(m *testing.M) {
	if os.Getenv("PLAY_FUNCTION") != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

func spawn(t *testing.T, env ...string) (h *workertest.Host, stderr *bytes.Buffer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(exe)
	command.Env = append(append(os.Environ(), "PLAY_FUNCTION=1"), env...)
	stderr = new(bytes.Buffer)
	command.Stderr = stderr
	return workertest.Spawn(t, command), stderr
}

func TestRoutesAnswerAsTheContractSays(t *testing.T) {
	h, _ := spawn(t)
	h.ShakeHands()
	body := bytes.Repeat([]byte("0123456789a"), 10_000)
	tests := []struct {
		target  string
		body    []byte
		status  int
		headers string
		want    string
	}{
		{"/echo?x=1", body, 200, "x-method: POST, x-target: /echo?x=1, content-type: text/x", string(body)},
		{"/stream-echo", body, 200, "", string(body)},
		{"/size", body, 200, "", "110000"},
		{"/slow-size?ms=1", body, 200, "", "110000"},
		{"/ignore", body, 200, "", "ignored"},
		{"/bytes?n=300", nil, 200, "", string(pattern(300))},
		{"/stream?n=300&piece=7", nil, 200, "", string(pattern(300))},
		{"/events?n=3&ms=1", nil, 200, "", "event 0\nevent 1\nevent 2\n"},
		{"/sleep?ms=1", nil, 200, "", "slept"},
		{"/deadline", nil, 200, "", "none"},
		{"/headers", nil, 200, "", "content-type: text/x\n"},
		{"/cookies", nil, 200, "set-cookie: a=1, set-cookie: b=2, x-empty: ", ""},
		{"/status?code=418", nil, 418, "", ""},
		{"/head?n=5", nil, 200, "x-big: aaaaa", ""},
		{"/print", nil, 200, "", "printed"},
		{"/print-subprocess", nil, 200, "", "printed"},
		{"/print-raw", nil, 200, "", "printed"},
		{"/none", nil, 404, "", "no such route"},
	}
	for _, tt := range tests {
		t.Run(tt.target, func(t *testing.T) {
			r := h.Response(h.Request(workertest.Request{Method: "POST", Target: tt.target, Headers: []string{"content-type: text/x"}, Body: tt.body}))
			if r.Status != tt.status || strings.Join(r.Headers, ", ") != tt.headers || string(r.Body) != tt.want {
				t.Errorf("got %d %q with %d bytes, %.40q, %s", r.Status, r.Headers, len(r.Body), r.Body, r.Error)
			}
		})
	}
}

func TestDeadlineIsReportedInMilliseconds(t *testing.T) {
	h, _ := spawn(t)
	h.ShakeHands()
	var left int
	r := h.Response(h.Request(workertest.Request{Target: "/deadline", Timeout: time.Minute}))
	if _, err := fmt.Sscan(string(r.Body), &left); err != nil || left <= 0 || left > 60_000 {
		t.Errorf("got %q, %v", r.Body, err)
	}
}

func TestWaitHearsOfTheCancel(t *testing.T) {
	h, _ := spawn(t)
	h.ShakeHands()
	stream := h.Request(workertest.Request{Target: "/wait"})
	h.Send(protocol.AppendCancel(nil, stream, protocol.CancelClientGone))
	if r := h.Response(stream); string(r.Body) != "cancelled" || strings.Join(r.Logs, ", ") != "cancelled" {
		t.Errorf("got %+v", r)
	}
}

func TestFailuresAreErrorsAndTheWorkerLives(t *testing.T) {
	h, _ := spawn(t)
	h.ShakeHands()
	for target, want := range map[string]string{"/throw": "boom\n", "/throw-long?n=99999": "boom\nééé", "/throw-late": "boom"} {
		r := h.Response(h.Request(workertest.Request{Target: target}))
		if r.Code != protocol.CodeRaised || !strings.HasPrefix(r.Error, want) {
			t.Errorf("%s: got code %d, %.40q", target, r.Code, r.Error)
		}
	}
}

func TestLogsComeAtEveryLevelAndInWholeLength(t *testing.T) {
	h, _ := spawn(t)
	h.ShakeHands()
	if r := h.Response(h.Request(workertest.Request{Target: "/log?text=a+b"})); strings.Join(r.Logs, "|") != "a b|a b|a b|a b" {
		t.Errorf("got %q", r.Logs)
	}
	r := h.Response(h.Request(workertest.Request{Target: "/log-long?n=100000"}))
	if strings.Join(r.Logs, "") != strings.Repeat("x", 100_000) {
		t.Errorf("got %d lines", len(r.Logs))
	}
}

func TestExitEndsTheProcess(t *testing.T) {
	h, _ := spawn(t)
	h.ShakeHands()
	h.Request(workertest.Request{Target: "/exit?code=3"})
	if code := h.Exit(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
}

func TestInitErrorStopsTheStart(t *testing.T) {
	h, _ := spawn(t, "CONFORMANCE_INIT_ERROR=1")
	h.Expect(protocol.TypeHello)
	code, text, err := protocol.ParseError(h.Expect(protocol.TypeError).Payload)
	if err != nil || code != protocol.CodeInit || string(text) != "no database" {
		t.Errorf("got code %d, %q, %v", code, text, err)
	}
	if code := h.Exit(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}

func TestNoiseWhileLoadingIsStrayText(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(exe)
	command.Env = append(os.Environ(), "PLAY_FUNCTION=1", "FWATCHDOG_WORKER=1", "CONFORMANCE_NOISE=1")
	command.Stdin = bytes.NewReader(workertest.Greet())
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	noise, frames := "printed at import\n", string(out)
	if !strings.HasPrefix(frames, noise+"\xfb\xf7\x01") || strings.Count(frames, noise) != 1 {
		t.Errorf("got %q", out)
	}
}
