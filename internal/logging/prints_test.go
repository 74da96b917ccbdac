package logging

import (
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestPrintsAreTheFunctionsLinesAndNothingElse(t *testing.T) {
	var b strings.Builder
	log := zap.New(Prints(&b)).With(zap.Int("slot", 1))
	log.Info("worker started")
	Wrote(log, "stdout", "hello", zap.Int("pid", 1))
	Wrote(log, "log", "\x1b[31mred")
	WroteAt(log, zap.WarnLevel, "log", "for the log")
	WroteAt(log, zap.DebugLevel, "log", "for nobody")
	if want := "hello\n\\x1b[31mred\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
