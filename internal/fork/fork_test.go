package fork

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/process"
)

func TestEveryModePassesBodiesThrough(t *testing.T) {
	large := strings.Repeat("0123456789", 30_000)
	for mode := range modes {
		t.Run(mode, func(t *testing.T) {
			f := start(t, mode, "exec cat", nil)
			for _, body := range []string{"", "x", large} {
				x := &exchange.Exchange{Request: exchange.Request{Body: []byte(body), Length: len(body)}}
				if got, err := f.ask(soon(t), x); got != body || err != nil || x.Response.Status != 200 {
					t.Errorf("%d bytes: got %d bytes, %d, %v", len(body), len(got), x.Response.Status, err)
				}
				x = &exchange.Exchange{Request: exchange.Request{Stream: newUpload(io.EOF, body), Length: -1}}
				if got, err := f.ask(soon(t), x); len(body) < 32<<10 && got != body || err != nil {
					t.Errorf("%d bytes streamed: got %d bytes, %v", len(body), len(got), err)
				}
			}
		})
	}
}

func TestClientsBodyThatBreaksOffIsNeverTakenForTheWhole(t *testing.T) {
	broken := fmt.Errorf("%w: reset", exchange.ErrBody)
	for mode := range modes {
		t.Run(mode, func(t *testing.T) {
			path := t.TempDir() + "/whole"
			f := start(t, mode, "cat >/dev/null; echo > "+path, nil)
			x := &exchange.Exchange{Request: exchange.Request{Stream: newUpload(broken, "begin"), Length: 100}}
			got, err := f.ask(soon(t), x)
			if mode == "streaming" {
				if got != "signal: killed" || x.Response.Status != 500 {
					t.Errorf("got %d %q, %v", x.Response.Status, got, err)
				}
			} else if !errors.Is(err, exchange.ErrBody) {
				t.Errorf("got %q, %v", got, err)
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("the function took it for the whole")
			}
		})
	}
}

func TestContextThatEndsKillsTheProcess(t *testing.T) {
	for mode := range modes {
		for name, script := range map[string]string{"silent": "exec sleep 60", "speaking": "echo begun; exec sleep 60",
			"deaf": "trap '' TERM; sleep 60 & wait; sleep 60"} {
			for _, why := range []error{exchange.ErrClientGone, exchange.ErrHostStops} {
				t.Run(fmt.Sprintf("%s, %s, %v", mode, name, why), func(t *testing.T) {
					f := start(t, mode, script, nil)
					ctx, cancel := context.WithCancelCause(t.Context())
					time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
					begun := time.Now()
					got, err := f.ask(causing{ctx}, &exchange.Exchange{})
					if err == nil || time.Since(begun) > 20*time.Second {
						t.Errorf("got %q after %v", got, time.Since(begun))
					}
				})
			}
		}
	}
}

// causing is a context whose Err is the cause, as the server's are.
type causing struct{ context.Context }

func (c causing) Err() error { return context.Cause(c.Context) }

func TestBodyThatNeverEndsIsGivenUpWithTheContext(t *testing.T) {
	for mode := range modes {
		t.Run(mode, func(t *testing.T) {
			f := start(t, mode, "exec cat", nil)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(50*time.Millisecond, func() { cancel(exchange.ErrClientGone) })
			x := &exchange.Exchange{Request: exchange.Request{Stream: newUpload(nil, "begin"), Length: 100}}
			if got, err := f.ask(causing{ctx}, x); !errors.Is(err, exchange.ErrClientGone) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestProcessThatEndsEarlyDoesNotWaitForTheBody(t *testing.T) {
	f := start(t, "streaming", "printf early", nil)
	x := &exchange.Exchange{Request: exchange.Request{Stream: newUpload(nil, "begin"), Length: 100}}
	if got, err := f.ask(soon(t), x); got != "early" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestStreamThatNobodyTakesKillsTheProcess(t *testing.T) {
	f := start(t, "streaming", "while echo more; do :; done", nil)
	x := &exchange.Exchange{Request: exchange.Request{Method: []byte("GET"), Target: []byte("/")}}
	if err := f.Do(soon(t), x); err != nil {
		t.Fatal(err)
	}
	if err := x.Response.Stream.Close(); err != nil { // it returns when the process has gone
		t.Error(err)
	}
}

func TestSlowReaderGetsAllOfAProcessThatHasEnded(t *testing.T) {
	f := start(t, "streaming", "head -c 60000 /dev/zero", nil)
	x := &exchange.Exchange{Request: exchange.Request{Method: []byte("GET"), Target: []byte("/")}}
	if err := f.Do(soon(t), x); err != nil {
		t.Fatal(err)
	}
	<-x.Response.Stream.(*answer).run.proc.Ended()
	<-time.After(3 * grace) // longer than what is waited for where there is nothing
	var got strings.Builder
	if _, err := x.Response.Stream.WriteTo(&got); err != nil || got.Len() != 60000 {
		t.Errorf("got %d bytes, %v", got.Len(), err)
	}
	_ = x.Response.Stream.Close()
}

func TestFailuresReadAsThoseOfGo(t *testing.T) {
	for want, exit := range map[string]process.Exit{
		"":               {},
		"exit status 7":  {Code: 7},
		"signal: killed": {Code: -1, Signal: 9},
		"signal: segmentation fault (core dumped)": {Code: -1, Signal: 11, Core: true},
	} {
		if got := exit.Failure(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTargetThatIsNoneIsRefusedBeforeAProcessStarts(t *testing.T) {
	for mode := range modes {
		f := start(t, mode, "exit 0", nil)
		_, err := f.ask(soon(t), &exchange.Exchange{Request: exchange.Request{Target: []byte("/%zz")}})
		if refused := new(exchange.RefusedError); !errors.As(err, &refused) || refused.Refusal != exchange.BadRequest {
			t.Errorf("%s: got %v", mode, err)
		}
	}
}

func TestProgramThatCannotRunIsExplainedAsGoDoes(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/plain", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string]string{
		"no-such-program": `exec: "no-such-program": executable file not found in $PATH`,
		dir + "/none":     "fork/exec " + dir + "/none: no such file or directory",
		dir + "/plain":    "fork/exec " + dir + "/plain: permission denied",
	} {
		f := start(t, "serializing", "", func(c *Config) { c.Command.Argv = []string{program} })
		x := &exchange.Exchange{}
		if got, err := f.ask(soon(t), x); got != want || err != nil || x.Response.Status != 500 {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

func TestUnknownModeIsRefused(t *testing.T) {
	if _, err := New(Config{Mode: "pool"}, nil, nil); err == nil {
		t.Error("it was taken")
	}
}

func TestVariablesOfTheRequestReplaceOurs(t *testing.T) {
	field := func(key, value string) exchange.Field { return exchange.Field{Key: []byte(key), Value: []byte(value)} }
	header := []exchange.Field{field("a-b", "1"), field("A-B", "2"), field("proxy", "x"), field("method", "forged"),
		field("host", "h"), field("x=y", "z"), field("x-nul", "a\x00b"), field("a_c", "3")}
	for classic, want := range map[bool][]string{
		true:  {"PATH=/bin", "Http_A_B=1", "Http_Method=GET", "Http_Host=h", "Http_A_c=3"},
		false: {"PATH=/bin", "Http_A_B=1", "Http_Method=GET", "Http_A_c=3"},
	} {
		v := newVariables(header, classic)
		v.set("Http_Method", "GET")
		if diff := cmp.Diff(want, v.over([]string{"Http_A_B=ours", "PATH=/bin", "Http_Method=ours"})); diff != "" {
			t.Errorf("classic is %v: -want +got:\n%s", classic, diff)
		}
	}
}

func TestVariablesOverTheKernelsLimitAreTooLarge(t *testing.T) {
	f := start(t, "serializing", "exit 0", nil)
	for size, want := range map[int]error{100_000: nil, 132_000: exchange.ErrHeadTooLarge} {
		x := &exchange.Exchange{Request: exchange.Request{
			Header: []exchange.Field{{Key: []byte("X"), Value: []byte(strings.Repeat("x", size))}},
		}}
		if _, err := f.ask(soon(t), x); !errors.Is(err, want) {
			t.Errorf("%d bytes: got %v, want %v", size, err, want)
		}
	}
}

func TestAnswerThatIsTooLargeToBeCollectedEndsTheProcess(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		fails  bool
	}{
		"as much as may be": {"head -c 100000 /dev/zero", false},
		"a byte more":       {"head -c 100001 /dev/zero", true},
		"without an end":    {"exec cat /dev/zero", true},
	} {
		for _, mode := range []string{"classic", "serializing"} {
			t.Run(mode+", "+name, func(t *testing.T) {
				f := start(t, mode, c.script, func(cfg *Config) { cfg.MaxAnswer = 100_000 })
				got, err := f.ask(soon(t), &exchange.Exchange{})
				if errors.As(err, new(*exchange.LargeError)) != c.fails || !c.fails && len(got) != 100_000 {
					t.Errorf("got %d bytes, %v", len(got), err)
				}
			})
		}
	}
}

func TestOfAnErrorOutputThatIsTooLargeTheBeginningIsLogged(t *testing.T) {
	f := start(t, "classic", "head -c 300000 /dev/zero >&2; echo done", func(cfg *Config) {
		cfg.MaxAnswer = 100_000
		cfg.Classic.CombineOutput = false
	})
	if got, err := f.ask(soon(t), &exchange.Exchange{}); got != "done\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	entries := f.logs.FilterMessage("process wrote to stderr").All()
	if len(entries) != 1 || len(entries[0].ContextMap()["stderr"].(string)) != 100_001 {
		t.Errorf("%d lines are logged: %.100v", len(entries), entries)
	}
}
