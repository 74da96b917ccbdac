package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCompatSuccess(t *testing.T) {
	for mode, kind := range map[string]string{
		"classic": "text/plain; charset=utf-8", "serializing": "application/octet-stream", "streaming": "application/octet-stream",
	} {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, "cat; echo err >&2", "combine_output=false")
			r := i.send("POST", "/", strings.NewReader("hello"))
			r.is(t, 200, "hello")
			r.header(t, "Content-Type", kind)
			r.duration(t, mode != "streaming")
			for _, name := range []string{"Server", "X-Call-Id", "X-Start-Time"} {
				r.header(t, name, "")
			}
			if r.Header.Get("Date") == "" {
				t.Error("no Date")
			}
			if chunked := r.ContentLength < 0; chunked != (mode == "streaming") {
				t.Errorf("the length is %d", r.ContentLength)
			}
		})
	}
}

func TestCompatFailures(t *testing.T) {
	for _, c := range []struct{ name, script, classic, of string }{
		{"exit code", "echo out; exit 7", "exit status 7\nout\n", "exit status 7"},
		{"exit code, empty", "exit 7", "exit status 7\n", "exit status 7"},
		{"signal", "kill -TERM $$", "signal: terminated\n", "signal: terminated"},
	} {
		eachMode := func(mode string) {
			t.Run(c.name+" "+mode, func(t *testing.T) {
				script, want := c.script, c.of
				if mode == "classic" {
					want = c.classic
				} else if mode == "streaming" {
					script = strings.TrimPrefix(script, "echo out; ") // with a byte written it is aborted
				}
				r := watchdog(t, mode, script).get("/")
				r.is(t, 500, want)
				r.header(t, "Content-Type", map[bool]string{true: "text/plain; charset=utf-8", false: "application/octet-stream"}[mode == "classic"])
				r.duration(t, mode == "serializing")
			})
		}
		for _, mode := range forkModes {
			eachMode(mode)
		}
	}
}

func TestCompatProgramThatIsNotThere(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		t.Parallel()
		i := launch(t, "mode="+mode, "fprocess=no-such-program a", "log_format=json")
		want := `exec: "no-such-program": executable file not found in $PATH`
		if mode == "classic" {
			want += "\n"
		}
		i.get("/").is(t, 500, want)
	})
}

func TestCompatProgramIsLookedUpForEachRequest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	i := launch(t, "mode=serializing", "fprocess=late-program", "PATH="+dir, "log_format=json")
	if r := i.get("/"); r.StatusCode != 500 {
		t.Errorf("got %d", r.StatusCode)
	}
	if err := os.WriteFile(filepath.Join(dir, "late-program"), []byte("#!/bin/sh\necho here\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	i.get("/").is(t, 200, "here\n")
}

func TestCompatDeadline(t *testing.T) {
	for mode, want := range map[string]struct {
		status int
		body   string
	}{"classic": {408, "Killed process.\n"}, "serializing": {500, "signal: killed"}, "streaming": {500, "signal: killed"}} {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, "exec sleep 60", "exec_timeout=200ms")
			begun := time.Now()
			r := i.get("/", "X-Timeout: 50s")
			r.is(t, want.status, want.body)
			r.duration(t, mode == "serializing")
			within(t, begun, 10*time.Second)
		})
	}
}

func TestCompatDeadlineAfterTheFirstByteAborts(t *testing.T) {
	i := watchdog(t, "streaming", "echo begun; exec sleep 60", "exec_timeout=2s")
	if r := i.get("/"); r.StatusCode != 200 || r.body != "begun\n" || r.err == nil {
		t.Errorf("got %d %q, %v: want a body that breaks off", r.StatusCode, r.body, r.err)
	}
}

func TestCompatFailureAfterTheFirstByteAborts(t *testing.T) {
	i := watchdog(t, "streaming", "echo begun; sleep 0.1; exit 3")
	if r := i.get("/"); r.StatusCode != 200 || r.body != "begun\n" || r.err == nil {
		t.Errorf("got %d %q, %v: want a body that breaks off", r.StatusCode, r.body, r.err)
	}
}

func TestCompatVerbs(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, `printf %s "$Http_Method"`)
		for _, verb := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "HEAD"} {
			r := i.send(verb, "/", nil)
			switch plain := strings.Contains("GET POST PUT PATCH DELETE", verb); {
			case mode == "classic" && !plain:
				r.is(t, 405, "")
				r.header(t, "Content-Type", "")
			case verb == "HEAD":
				r.is(t, 200, "")
			default:
				r.is(t, 200, verb)
			}
		}
	})
}

func TestCompatFunctionThatDoesNotReadIsNoError(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, "exit 0")
		i.send("POST", "/", strings.NewReader(strings.Repeat("x", 1_000_000))).is(t, 200, "")
		i.send("POST", "/", struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 1_000_000))}).is(t, 200, "")
	})
}

func TestCompatLargeBodiesAreByteIdentical(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, "exec cat")
		for _, n := range []int{0, 1, 65536, 65537, 3_000_000} {
			body := strings.Repeat("0123456789", n/10+1)[:n]
			i.send("POST", "/", strings.NewReader(body)).is(t, 200, body)
			i.send("POST", "/", struct{ io.Reader }{strings.NewReader(body)}).is(t, 200, body)
		}
	})
}

func TestCompatBodyThatIsLate(t *testing.T) {
	const reason = "the request's body could not be read in time"
	for _, c := range []struct {
		mode   string
		sent   int
		status int
		body   string
	}{
		{"classic", 2, 400, reason + "\n"},
		{"classic", 20_000, 400, reason + "\n"},
		{"serializing", 2, 500, reason},
		{"serializing", 20_000, 500, reason},
		{"streaming", 2, 500, "signal: killed"}, // the process has begun
		{"streaming", 20_000, 500, "signal: killed"},
	} {
		t.Run(fmt.Sprintf("%s, %d bytes", c.mode, c.sent), func(t *testing.T) {
			i := watchdog(t, c.mode, "exec cat >/dev/null", "read_timeout=1s")
			got := exchangeRaw(t, i, fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s",
				c.sent+1, strings.Repeat("x", c.sent)))
			if !strings.HasPrefix(got, fmt.Sprint(c.status)) || !strings.HasSuffix(got, "\r\n\r\n"+c.body) {
				t.Errorf("got %q, want %d %q", got, c.status, c.body)
			}
		})
	}
}

func TestCompatBodyOverMaxBodyIs413(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, "exec cat >/dev/null", "max_body=1000")
		body := strings.Repeat("x", 1001)
		for _, reader := range []io.Reader{strings.NewReader(body), struct{ io.Reader }{strings.NewReader(body)}} {
			if r := i.send("POST", "/", reader); r.StatusCode != 413 {
				t.Errorf("got %d %q", r.StatusCode, r.body)
			}
		}
		i.send("POST", "/", strings.NewReader(body[:1000])).is(t, 200, "")
	})
}

func TestCompatContentType(t *testing.T) {
	t.Parallel()
	png := `printf '\211PNG\r\n\032\n'`
	for _, c := range []struct {
		name, mode, script string
		settings, headers  []string
		want               string
	}{
		{"setting", "classic", "echo x", []string{"content_type=a/b"}, []string{"Content-Type: c/d"}, "a/b"},
		{"request", "classic", "echo x", nil, []string{"Content-Type: c/d"}, "c/d"},
		{"sniffed text", "classic", "echo x", nil, nil, "text/plain; charset=utf-8"},
		{"sniffed image", "classic", png, nil, nil, "image/png"},
		{"nothing to sniff", "classic", "exit 0", nil, nil, ""},
		{"request, empty", "classic", "exit 0", nil, []string{"Content-Type: c/d"}, "c/d"},
		{"error", "classic", "exit 1", []string{"content_type=a/b"}, nil, "text/plain; charset=utf-8"},
		{"setting", "serializing", "echo x", []string{"content_type=a/b"}, nil, "a/b"},
		{"error", "serializing", "exit 1", []string{"content_type=a/b"}, nil, "a/b"},
		{"empty", "serializing", "exit 0", nil, []string{"Content-Type: c/d"}, "application/octet-stream"},
		{"setting", "streaming", "echo x", []string{"content_type=a/b"}, nil, "a/b"},
		{"error", "streaming", "exit 1", []string{"content_type=a/b"}, nil, "a/b"},
	} {
		t.Run(c.mode+" "+c.name, func(t *testing.T) {
			watchdog(t, c.mode, c.script, c.settings...).get("/", c.headers...).header(t, "Content-Type", c.want)
		})
	}
}

func TestCompatLimiter(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		held := filepath.Join(t.TempDir(), "pid")
		i := watchdog(t, mode, `[ "$Http_Path" = /quick ] && exit 0; echo $$ > `+held+"; exec sleep 60",
			"max_inflight=1", fmt.Sprintf("metrics_port=%d", freePort(t)))
		done := make(chan struct{})
		go func() {
			defer close(done)
			resp, err := http.Get(i.url + "/hold")
			if err == nil {
				resp.Body.Close()
			}
		}()
		holder := pidIn(t, held)
		r := i.get("/quick")
		r.is(t, 429, "Concurrent request limit exceeded. Max concurrent requests: 1\n")
		r.header(t, "Content-Type", "text/plain")
		r.header(t, "X-OpenFaaS-Internal", "faas-middleware")
		r.duration(t, false)
		if n := i.metric(`http_requests_total{code="429",method="get"}`); n != 1 {
			t.Errorf("%v refusals are counted", n)
		}
		kill(t, holder)
		<-done
		i.eventually("the place is given back", func() bool { return i.get("/quick").StatusCode == 200 })
	})
}

func TestCompatConnections(t *testing.T) {
	const chunked = "Transfer-Encoding: chunked\r\n"
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, `printf "$Http_Path|$Http_Query|"; cat`)
		for name, c := range map[string]struct{ request, status, body string }{
			"garbage":             {"what is this\r\n\r\n", "400", "this is not a valid HTTP request\n"},
			"no host":             {"GET / HTTP/1.1\r\n\r\n", "400", "this is not a valid HTTP request\n"},
			"HTTP/1.0":            {"GET /a HTTP/1.0\r\n\r\n", "200", "/a||"},
			"two lengths":         {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400", "this is not a valid HTTP request\n"},
			"target that is none": {"GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "400", "the target \"/%zz\" is not valid\n"},
			"whole address":       {"GET http://x/a?b HTTP/1.1\r\nHost: h\r\n\r\n", "200", "/a|b|"},
			"GET with a body":     {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", "200", "/||ab"},
			"trailers":            {"POST / HTTP/1.1\r\nHost: h\r\nTrailer: X-T\r\n" + chunked + "\r\n2\r\nab\r\n0\r\nX-T: 1\r\n\r\n", "200", "/||ab"},
			"expectation":         {"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab", "100", ""},
		} {
			got := exchangeRaw(t, i, c.request)
			if !strings.HasPrefix(got, c.status) || !strings.HasSuffix(got, "\r\n\r\n"+c.body) {
				t.Errorf("%s: got %q, want %s %q", name, got, c.status, c.body)
			}
			if c.status == "400" && !strings.Contains(got, "content-type: text/plain; charset=utf-8\r\n") {
				t.Errorf("%s: got %q", name, got)
			}
		}
	})
}

func TestCompatLengthOfAChunkedBodyIsNotBelieved(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, `printf %s "${Http_Content_Length-none}|"; cat`)
		got := exchangeRaw(t, i, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")
		if want := map[bool]string{true: "-1|ab", false: "none|ab"}[mode == "classic"]; !strings.HasSuffix(got, "\r\n\r\n"+want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestCompatDeadlineBeginsAfterTheBody(t *testing.T) {
	for _, mode := range []string{"classic", "serializing"} {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, "exec cat", "exec_timeout=1s")
			r, w := io.Pipe()
			go func() {
				for range 3 {
					_, _ = w.Write([]byte("x"))
					<-time.After(500 * time.Millisecond) // in all longer than the deadline
				}
				_ = w.Close()
			}()
			i.send("POST", "/", r).is(t, 200, "xxx")
		})
	}
}

func TestCompatIdleConnectionIsClosedAfterReadTimeout(t *testing.T) {
	i := watchdog(t, "classic", "exit 0", "read_timeout=2s")
	conn := dial(t, i)
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 200 OK\r\n") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCompatHeadOf90kBIsTakenAndOver1MiBIs431(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, "exit 0")
		for size, want := range map[int]int{90_000: 200, 140_000: 431, 1_200_000: 431} {
			r, err := i.try(t.Context(), "GET", "/", nil, "X-Large: "+strings.Repeat("x", size))
			if err != nil || r.StatusCode != want {
				t.Errorf("%d bytes: got %v, %v, want %d", size, r.Response, err, want)
			}
		}
	})
}

func TestCompatStatic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"a.txt": "hello", "sub/index.html": "<p>index", "large.bin": strings.Repeat("x", 300_000)} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	i := launch(t, "mode=static", "static_path="+dir, "fprocess=", "log_format=json")
	r := i.get("/a.txt")
	r.is(t, 200, "hello")
	r.header(t, "Content-Type", "text/plain; charset=utf-8")
	r.duration(t, false)
	i.send("POST", "/a.txt", nil).is(t, 200, "hello")
	i.send("HEAD", "/a.txt", nil).header(t, "Content-Length", "5")
	i.send("HEAD", "/", nil).header(t, "Content-Length", fmt.Sprint(len(i.get("/").body)))
	i.get("/sub/").is(t, 200, "<p>index")
	i.get("/large.bin").is(t, 200, strings.Repeat("x", 300_000))
	i.get("/none").is(t, 404, "404 page not found\n")
	i.get("/../../../etc/passwd").is(t, 404, "404 page not found\n")
	part := i.get("/a.txt", "Range: bytes=1-2")
	part.is(t, 206, "el")
	part.header(t, "Content-Range", "bytes 1-2/5")
	i.get("/a.txt", "If-Modified-Since: "+r.Header.Get("Last-Modified")).is(t, 304, "")
	if list := i.get("/"); list.StatusCode != 200 || !strings.Contains(list.body, `<a href="a.txt">a.txt</a>`) {
		t.Errorf("got %d %q", list.StatusCode, list.body)
	}
}
