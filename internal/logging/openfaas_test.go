package logging

import (
	"bytes"
	"regexp"
	"testing"

	"go.uber.org/zap"
)

// openfaas returns a log in that format, and what undoes its dates.
func openfaas(t *testing.T, prefix bool) (log *zap.Logger, err, out func() string) {
	t.Helper()
	var stderr, stdout bytes.Buffer
	log, problem := Config{Format: "openfaas", Level: "info", Err: &stderr, Out: &stdout, Prefix: prefix}.New()
	if problem != nil {
		t.Fatal(problem)
	}
	dates := regexp.MustCompile(`(?m)^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d `)
	undated := func(b *bytes.Buffer) func() string {
		return func() string { return dates.ReplaceAllString(b.String(), "DATE ") }
	}
	return log, undated(&stderr), undated(&stdout)
}

func TestLineIsWhatARecordSaysInFormatOpenFaaS(t *testing.T) {
	log, err, out := openfaas(t, true)
	log.Info("request answered", zap.Int("status", 200), Line("GET / - %d", 200))
	log.Info("listening", Line("one"), Line("two %s", "2"))
	log.Warn("no line", zap.String("key", "a b"), zap.Int("n", 3))
	log.Debug("too chatty", Line("never"))
	want := "DATE GET / - 200\nDATE one\nDATE two 2\nDATE no line key=\"a b\" n=3\n"
	if err() != want || out() != "" {
		t.Errorf("got\n%s\nwant\n%s\nand on stdout %q", err(), want, out())
	}
}

func TestLineIsNotThereInOtherFormats(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		var b bytes.Buffer
		log, err := newLogger(&b, format, "info")
		if err != nil {
			t.Fatal(err)
		}
		log.Info("m", Line("unwanted"), zap.String("k", "v"))
		Wrote(log, "stdout", "text")
		if got := b.String(); bytes.Contains(b.Bytes(), []byte("unwanted")) || !bytes.Contains(b.Bytes(), []byte("text")) {
			t.Errorf("%s: got %s", format, got)
		}
	}
}

func TestLinesOfTheFunctionKeepTheirStream(t *testing.T) {
	for prefix, want := range map[bool][2]string{
		true:  {"DATE stderr: oops\nDATE log: careful\n", "DATE stdout: hello\n"},
		false: {"oops\ncareful\n", "hello\n"},
	} {
		log, err, out := openfaas(t, prefix)
		log = log.With(zap.Int("pid", 1))
		Wrote(log, "stdout", "hello")
		Wrote(log, "stderr", "oops", zap.String("call_id", "x"))
		WroteAt(log, zap.WarnLevel, "log", "careful")
		if err() != want[0] || out() != want[1] {
			t.Errorf("prefix is %v: got %q and %q", prefix, err(), out())
		}
	}
}
