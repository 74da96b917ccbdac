package logging

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLogger returns a logger that writes all to w.
func newLogger(w io.Writer, format, level string) (*zap.Logger, error) {
	return Config{Format: format, Level: level, Err: w, Out: w, Prefix: true}.New()
}

// records is what use writes, all of it at one moment.
func records(t *testing.T, format, level string, use func(*zap.Logger)) string {
	t.Helper()
	var b bytes.Buffer
	log, err := newLogger(&b, format, level)
	if err != nil {
		t.Fatal(err)
	}
	use(log.WithOptions(zap.WithClock(stopped{})))
	if err := log.Sync(); err != nil {
		t.Errorf("sync: %v", err)
	}
	return b.String()
}

// stopped is a clock that always shows the same.
type stopped struct{}

func (stopped) Now() time.Time                         { return time.Date(2001, 2, 3, 4, 5, 6, 7e6, time.UTC) }
func (stopped) NewTicker(d time.Duration) *time.Ticker { return time.NewTicker(d) }

func TestJSONKeysAreStable(t *testing.T) {
	got := records(t, "json", "info", func(log *zap.Logger) {
		log.Named("pool").With(zap.Int("slot", 3)).Warn("worker ended",
			zap.String("stderr", "a\nb"), zap.Duration("age", 1500*time.Millisecond), zap.Error(errors.New("gone")),
			zap.Strings("command", []string{"node", "x.js"}))
	})

	want := `{"level":"warn","time":"2001-02-03T04:05:06.007Z","logger":"pool","message":"worker ended","slot":3,` +
		`"stderr":"a\nb","age":"1.5s","error":"gone","command":["node","x.js"]}` + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTextIsOneLineWithFieldsInTheirOrder(t *testing.T) {
	got := records(t, "text", "info", func(log *zap.Logger) {
		log.Info("listening", zap.Int("port", 8080), zap.String("version", "0.1.0"), zap.Bool("ready", false))
		log.Named("pool").With(zap.Int("slot", 3)).Warn("worker ended", zap.Duration("age", 1500*time.Millisecond))
		log.Error("start failed", zap.Error(errors.New("exit status 1")))
		log.Info("nothing to add")
	})

	want := `04:05:06.007 INFO  listening  port=8080 version=0.1.0 ready=false
04:05:06.007 WARN  pool: worker ended  slot=3 age=1.5s
04:05:06.007 ERROR start failed  error="exit status 1"
04:05:06.007 INFO  nothing to add
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTextHasTheEssenceBehindTheMessage(t *testing.T) {
	got := records(t, "text", "info", func(log *zap.Logger) {
		log.Info("request answered", zap.Int("status", 200), zap.Int("slot", 3), Essence([]string{"status"}, "%s %d", "GET /a?b=c", 200))
		Wrote(log.With(zap.Int("slot", 3)), "stderr", `  File "x.py", line 1\x1b`+"\x1b[2J")
	})
	want := "04:05:06.007 INFO  request answered: GET /a?b=c 200  slot=3\n" +
		`04:05:06.007 INFO  function wrote:   File "x.py", line 1\x1b\x1b[2J  slot=3 from=stderr` + "\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	got = records(t, "json", "info", func(log *zap.Logger) { log.Info("m", zap.Int("status", 200), Essence([]string{"status"}, "x")) })
	if !strings.Contains(got, `"message":"m","status":200}`) {
		t.Errorf("as JSON it is %s", got)
	}
}

func TestTextPutsSeveralLinesBelow(t *testing.T) {
	got := records(t, "text", "info", func(log *zap.Logger) {
		log.Warn("worker ended", zap.String("stderr", "Error: no module\n\n\tat x.js:1\r\n"), zap.Int("slot", 3),
			zap.String("one", "line\n"), zap.Error(errors.Join(errors.New("a"), errors.New("b"))))
	})

	want := `04:05:06.007 WARN  worker ended  slot=3 one=line
    stderr:
        Error: no module
        
        	at x.js:1
    error:
        a
        b
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTextShowsValuesAsAPersonWouldWriteThem(t *testing.T) {
	when := time.Date(2001, 2, 3, 4, 5, 6, 700, time.UTC)
	tests := []struct {
		name  string
		field zapcore.Field
		want  string
	}{
		{"a time", zap.Duration("k", 78825145*time.Nanosecond), "k=78.8ms"},
		{"a short time", zap.Duration("k", 679236*time.Nanosecond), "k=679µs"},
		{"a long time", zap.Duration("k", -90*time.Minute-1234567*time.Microsecond), "k=-1h30m1s"},
		{"no time", zap.Duration("k", 0), "k=0s"},
		{"an empty text", zap.String("k", ""), `k=""`},
		{"a text with a blank", zap.String("k", "a b"), `k="a b"`},
		{"a text with a quote", zap.String("k", `a"b`), `k="a\"b"`},
		{"a text with an equals sign", zap.String("k", "a=b"), `k="a=b"`},
		{"a text that steers the terminal", zap.String("k", "\x1b[31mred"), `k="\x1b[31mred"`},
		{"letters of all alphabets", zap.String("k", "grüße"), "k=grüße"},
		{"a float", zap.Float64("k", 1.5), "k=1.5"},
		{"what JSON cannot say", zap.Complex128("k", 1+2i), "k=(1+2i)"},
		{"a moment", zap.Time("k", when), "k=2001-02-03T04:05:06.0000007Z"},
		{"a list", zap.Strings("k", []string{"a b", "<c>\u009b"}), `k=["a b","<c>\u009b"]`},
		{"a struct", zap.Any("k", struct{ A int }{1}), `k={"A":1}`},
		{"what names itself", zap.Stringer("k", zapcore.InfoLevel), "k=info"},
		{"nothing", zap.Any("k", nil), "k=null"},
		{"two keys of one field", zap.Inline(zap.DictObject(zap.Int("b", 2), zap.Int("a", 1))), "a=1 b=2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := records(t, "text", "info", func(log *zap.Logger) { log.Info("m", test.field) })
			if want := "04:05:06.007 INFO  m  " + test.want + "\n"; got != want {
				t.Errorf("got  %swant %s", got, want)
			}
		})
	}
}

func TestTextKeepsNamespacesApart(t *testing.T) {
	got := records(t, "text", "info", func(log *zap.Logger) {
		log.With(zap.Int("a", 1), zap.Namespace("x")).Info("m", zap.Int("a", 2), zap.Namespace("y"), zap.Int("a", 3))
	})
	if want := "04:05:06.007 INFO  m  a=1 x.a=2 x.y.a=3\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTextCannotBeForgedByAMessage(t *testing.T) {
	got := records(t, "text", "info", func(log *zap.Logger) {
		log.Info("said:\n04:05:06.007 ERROR x\x1b[2J\t'\\'", zap.String("stderr", "a\n\x1b[2Jb"))
	})
	want := "04:05:06.007 INFO  said:\\n04:05:06.007 ERROR x\\x1b[2J\t'\\'\n    stderr:\n        a\n        \\x1b[2Jb\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestLoggersThatShareAStartKeepTheirOwnFields(t *testing.T) {
	got := records(t, "text", "info", func(log *zap.Logger) {
		log = log.With(zap.Int("a", 1)).With(zap.Int("b", 2)).With(zap.Int("c", 3)) // room for a fourth behind the third
		one, two := log.With(zap.Int("d", 4)), log.With(zap.Int("d", 5))
		one.Info("m")
		two.Info("m")
	})
	if want := "04:05:06.007 INFO  m  a=1 b=2 c=3 d=4\n04:05:06.007 INFO  m  a=1 b=2 c=3 d=5\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLevelLetsThroughWhatIsAtLeastAsGrave(t *testing.T) {
	for _, format := range Formats {
		for least, level := range Levels {
			got := records(t, format, level, func(log *zap.Logger) {
				log.Debug("m")
				log.Info("m")
				log.Warn("m")
				log.Error("m")
			})
			if lines := strings.Count(got, "\n"); lines != len(Levels)-least {
				t.Errorf("%s, %s: %d records, want %d:\n%s", format, level, lines, len(Levels)-least, got)
			}
		}
	}
}

func TestTextKeepsItsLevelBesideAnotherLog(t *testing.T) {
	var grave, chatty bytes.Buffer
	var cores []zapcore.Core
	for level, out := range map[string]*bytes.Buffer{"warn": &grave, "debug": &chatty} {
		log, err := newLogger(out, "text", level)
		if err != nil {
			t.Fatal(err)
		}
		cores = append(cores, log.Core())
	}

	zap.New(zapcore.NewTee(cores...)).Info("m") // which asks both, since one wants it

	if grave.Len() > 0 || chatty.Len() == 0 {
		t.Errorf("the log from warn on has %q, that from debug on %q", grave.String(), chatty.String())
	}
}

func TestUnknownFormatAndLevelAreRefused(t *testing.T) {
	for _, test := range []struct{ format, level, want string }{
		{"xml", "info", `log_format is "xml": it must be one of json, text, openfaas`},
		{"", "info", `log_format is "": it must be one of json, text, openfaas`},
		{"json", "INFO", `log_level is "INFO": it must be one of debug, info, warn, error`},
		{"json", "", `log_level is "": it must be one of debug, info, warn, error`},
		{"text", "panic", `log_level is "panic": it must be one of debug, info, warn, error`},
	} {
		if _, err := newLogger(&bytes.Buffer{}, test.format, test.level); err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

// writes fails the test when two calls overlap, and counts them.
type writes struct {
	t     *testing.T
	mu    sync.Mutex
	count int
}

func (w *writes) Write(text []byte) (int, error) {
	if !w.mu.TryLock() {
		w.t.Error("two records are written at once")
		return len(text), nil
	}
	defer w.mu.Unlock()
	w.count++
	return len(text), nil
}

func TestRecordsOfSeveralGoroutinesDoNotMix(t *testing.T) {
	for _, format := range Formats {
		t.Run(format, func(t *testing.T) {
			out := &writes{t: t}
			log, err := newLogger(out, format, "info")
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for i := range 100 {
						log.Info("m", zap.String("lines", "a\nb"), zap.Int("i", i))
					}
				})
			}
			all.Wait()
			if out.count != 800 {
				t.Errorf("%d writes for 800 records", out.count)
			}
		})
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestFailedWriteIsNotHidden(t *testing.T) {
	log, err := newLogger(full{}, "text", "info")
	if err != nil {
		t.Fatal(err)
	}
	err = log.Core().Write(zapcore.Entry{}, nil)
	if err == nil || err.Error() != "disk full" {
		t.Errorf("got %v, want the writer's error", err)
	}
}

func ExampleConfig_New() {
	log, err := Config{Format: "text", Level: "info", Err: os.Stdout}.New()
	if err != nil {
		panic(err)
	}
	log = log.WithOptions(zap.WithClock(stopped{}))
	log.Info("listening", zap.Int("port", 8080))
	log.Warn("worker ended", zap.Int("slot", 3), zap.String("stderr", "Error: no module\nat x.js:1"))
	// Output:
	// 04:05:06.007 INFO  listening  port=8080
	// 04:05:06.007 WARN  worker ended  slot=3
	//     stderr:
	//         Error: no module
	//         at x.js:1
}
