package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// variables are those of the function's environment that the request made, sorted.
func variables(body string) []string {
	var found []string
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "Http_") {
			found = append(found, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(found)
	return found
}

func TestCompatEnvironment(t *testing.T) {
	// What classic has beside the others.
	extra := map[string][]string{"classic": {"Http_ContentLength=3", "Http_Host=a.b:1"}}
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, "cat >/dev/null; env")
		raw := "POST /p/a%20t//x/../y?q=%20&b HTTP/1.1\r\nHost: a.b:1\r\nx-forwarded-by: one\r\nX-Forwarded-By: two\r\nX_Under: 1\r\n" +
			"Method: PURGE\r\nPath: /forged\r\nProxy: http://evil\r\nContent-Length: 3\r\nX-Empty:\r\nX-Call-Id: id\r\n\r\nabc"
		_, body, _ := strings.Cut(exchangeRaw(t, i, raw), "\r\n\r\n")
		want := append([]string{"Http_Content_Length=3", "Http_Method=POST", "Http_Path=/p/a t//x/../y", "Http_Query=q=%20&b",
			"Http_X_Call_Id=id", "Http_X_Empty=", "Http_X_Forwarded_By=one", "Http_X_under=1"}, extra[mode]...)
		slices.Sort(want)
		if diff := cmp.Diff(want, variables(body)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if !strings.Contains(body, "fprocess=") || !strings.Contains(body, "PATH=") {
			t.Errorf("our own environment is missing in\n%s", body)
		}
	})
}

func TestCompatEnvironmentOfChunkedAndOfNoBody(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, `cat >/dev/null; echo "$Http_ContentLength|$Http_Content_Length|$Http_Transfer_Encoding|${Http_Query-none}"`)
		chunked, none := "||chunked|none\n", "|||none\n"
		if mode == "classic" {
			chunked, none = "-1|-1|chunked|none\n", "0|0||none\n"
		}
		i.send("POST", "/", struct{ io.Reader }{strings.NewReader("abc")}).is(t, 200, chunked)
		i.get("/").is(t, 200, none)
	})
}

func TestCompatEnvironmentWithoutCGIHeaders(t *testing.T) {
	for mode, want := range map[string]int{"classic": 0, "serializing": 4, "streaming": 4} { // Accept-Encoding is off
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, "env", "cgi_headers=false")
			if got := variables(i.get("/", "X-A: 1").body); len(got) != want {
				t.Errorf("got %q, want %d", got, want)
			}
		})
	}
}

func TestCompatMarshalledRequest(t *testing.T) {
	i := watchdog(t, "classic", "cat", "marshal_request=true")
	got := i.send("POST", "/", strings.NewReader("hi\x00"), "X-Two: 1", "X-Two: 2", "Content-Type: a/b").body
	if strings.HasSuffix(got, "\n") || !strings.HasPrefix(got, `{"header":{`) {
		t.Errorf("got %q", got)
	}
	var request struct {
		Header map[string][]string
		Body   map[string]string
	}
	if err := json.Unmarshal([]byte(got), &request); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1", "2"}, request.Header["X-Two"]); diff != "" || request.Body["raw"] != "aGkA" || len(request.Body) != 1 {
		t.Errorf("got %s", got)
	}
	if empty := i.get("/").body; !strings.HasSuffix(empty, `,"body":{"raw":""}}`) && !strings.HasSuffix(empty, `"body":{"raw":""}}`) {
		t.Errorf("got %q", empty)
	}
	for _, mode := range []string{"serializing", "streaming"} {
		t.Run(mode, func(t *testing.T) {
			watchdog(t, mode, "cat", "marshal_request=true").send("POST", "/", strings.NewReader("hi")).is(t, 200, "hi")
		})
	}
}

func TestCompatStderr(t *testing.T) {
	const script = "echo out; echo err >&2; echo err2 >&2"
	t.Run("combined", func(t *testing.T) {
		watchdog(t, "classic", script).get("/").is(t, 200, "out\nerr\nerr2\n")
	})
	t.Run("not combined", func(t *testing.T) {
		i := watchdog(t, "classic", script, "combine_output=false")
		i.get("/").is(t, 200, "out\n")
		i.await("process wrote to stderr", func(l map[string]any) bool { return l["stderr"] == "err\nerr2\n" })
	})
	for _, mode := range []string{"serializing", "streaming"} {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, script, "combine_output=true")
			i.get("/").is(t, 200, "out\n")
			for _, line := range []string{"err", "err2"} {
				i.await("function wrote", func(l map[string]any) bool { return l["line"] == line && l["from"] == "stderr" })
			}
		})
	}
}

func TestCompatDebug(t *testing.T) {
	i := watchdog(t, "classic", `[ "$Http_Path" = /fail ] && exit 2; printf answer`, "write_debug=true", "debug_headers=true",
		"log_format=openfaas", "content_type=a/b")
	i.get("/p?q=1", "X-Two: 1", "X-Two: 2").is(t, 200, "answer")
	i.get("/fail").is(t, 500, "exit status 2\n")
	i.eventually("the log is complete", func() bool { return strings.Contains(i.log(), "Success=false") })
	for _, want := range []string{" Query  q=1\n", " Path  /p\n", " Duration: 0.", " Success=false, Error=exit status 2\n", " Out=\n"} {
		if !strings.Contains(i.log(), want) {
			t.Errorf("the log says nothing of %q", want)
		}
	}
	if strings.Contains(i.log(), "Wrote ") {
		t.Error("the log has the length")
	}
	for _, want := range []string{"answer", "[in] X-Two=[1 2]\n", "[out] Content-Type=[a/b]\n", "[out] X-Duration-Seconds=[0."} {
		if !strings.Contains(i.out.String(), want) {
			t.Errorf("stdout has no %q:\n%s", want, i.out.String())
		}
	}
}

func TestCompatDebugOfMissingProgramIsNoPanic(t *testing.T) {
	t.Parallel()
	i := launch(t, "mode=classic", "fprocess=no-such-program", "write_debug=true", "log_format=json")
	for range 2 {
		i.get("/").is(t, 500, "exec: \"no-such-program\": executable file not found in $PATH\n")
	}
}

func TestCompatProcessIsSplitLikeAShellDoes(t *testing.T) {
	for _, mode := range forkModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			i := launch(t, "mode="+mode, `fprocess=printf [%s]  'a b' "c"`, "log_format=json")
			i.get("/").is(t, 200, "[a b][c]")
		})
	}
}

func TestCompatWhichProcess(t *testing.T) {
	for mode, want := range map[string]string{"classic": "one", "serializing": "two", "streaming": "two"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			i := launch(t, "mode="+mode, "fprocess=printf one", "function_process=printf two", "log_format=json")
			i.get("/").is(t, 200, want)
			only := launch(t, "mode="+mode, "fprocess=", "function_process=printf two", "log_format=json")
			only.get("/").is(t, 200, "two")
		})
	}
}

func TestCompatBoolsTakeEveryForm(t *testing.T) {
	for _, text := range []string{"True", "1", "t", "TRUE", "T", "true"} {
		t.Run(text, func(t *testing.T) {
			watchdog(t, "classic", "printf x", "marshal_request="+text, "combine_output=f").get("/").is(t, 200, "x")
		})
	}
}

func TestCompatRefusals(t *testing.T) {
	t.Parallel()
	blocked := t.TempDir() + "/file"
	for _, c := range []struct {
		name     string
		settings []string
		want     string
	}{
		{"classic without a process", []string{"mode=classic"}, "Provide a valid process via fprocess environmental variable."},
		{"serializing without a process", []string{"mode=serializing"}, `provide a "function_process" or "fprocess" environmental variable`},
		{"streaming without a process", []string{"mode=streaming", "fprocess="}, `provide a "function_process" or "fprocess" environmental variable`},
		{"no write timeout", []string{"mode=streaming", "fprocess=cat", "write_timeout=0"}, "HTTP write timeout must be over 0s"},
		{"log buffer", []string{"mode=streaming", "fprocess=cat", "log_buffer_size=abc"}, "invalid log_buffer_size value: abc"},
		{"lock", []string{"mode=classic", "fprocess=cat", "port=0", "metrics_port=0", "TMPDIR=/proc/none"}, "suppress_lock=true"},
		{"afterburn", []string{"mode=afterburn", "fprocess=cat"}, "pool"},
		{"inproc", []string{"mode=inproc", "fprocess=cat"}, "pool"},
		{"several", []string{"mode=classic", "read_timeout=1.5x", "port=abc", "suppress_lock=maybe", "exec_timeout=-5s"}, "read_timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, errs := runs(t, "", append([]string{"TMPDIR=" + blocked, "fprocess=", "function_process="}, c.settings...))
			if code != 1 || !strings.Contains(errs, c.want) || strings.Contains(errs, "panic") || strings.Contains(errs, "goroutine") {
				t.Errorf("exit code %d\n%s", code, errs)
			}
			if c.name == "several" && (!strings.Contains(errs, "port") || !strings.Contains(errs, "suppress_lock") || !strings.Contains(errs, "exec_timeout")) {
				t.Errorf("not all are named:\n%s", errs)
			}
		})
	}
}

func TestCompatPlainProgramWithoutModeIsToldWhichToSet(t *testing.T) {
	t.Parallel()
	code, _, errs := runs(t, "", []string{"fprocess=cat", "port=0", "metrics_port=0", "TMPDIR=" + shortDir(t)})
	if code != 1 || !strings.Contains(errs, "mode=classic") || !strings.Contains(errs, "mode=streaming") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
}

func TestCompatTakenPortsAreExitCode1(t *testing.T) {
	t.Parallel()
	port, metrics := freePort(t), freePort(t)
	launch(t, "mode=classic", "fprocess=cat", "log_format=json", fmt.Sprintf("port=%d", port), fmt.Sprintf("metrics_port=%d", metrics))
	for _, settings := range [][]string{
		{fmt.Sprintf("port=%d", port), "metrics_port=0"}, {"port=0", fmt.Sprintf("metrics_port=%d", metrics)},
	} {
		code, _, errs := runs(t, "", append(settings, "mode=classic", "fprocess=cat", "TMPDIR="+t.TempDir()))
		if code != 1 || !strings.Contains(errs, "address already in use") || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit code %d\n%s", settings, code, errs)
		}
	}
}

func TestCompatEmptyVariableIsNotSet(t *testing.T) {
	i := watchdog(t, "streaming", "cat", "exec_timeout=", "read_timeout=", "content_type=", "suppress_lock=", "max_inflight=",
		"ready_path=", "prefix_logs=", "log_buffer_size=")
	r := i.send("POST", "/", strings.NewReader("x"))
	r.is(t, 200, "x")
	r.header(t, "Content-Type", "application/octet-stream")
}
