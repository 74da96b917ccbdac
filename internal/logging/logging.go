// Package logging makes the watchdog's log from its settings. There is no global logger: what New returns is handed on.
package logging

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Formats are the values of log_format, and Levels those of log_level.
var (
	Formats = []string{"json", "text"}
	Levels  = []string{"debug", "info", "warn", "error"}
)

// New returns a logger that writes records of the format to w, from level on: json for programs, text for people. An
// unknown format or level is an error.
func New(w io.Writer, format, level string) (*zap.Logger, error) {
	least, err := levelOf(level)
	if err != nil {
		return nil, err
	}
	out := zapcore.Lock(zapcore.AddSync(w))
	switch format {
	case "json":
		return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(jsonKeys()), out, least)), nil
	case "text":
		return zap.New(&textCore{LevelEnabler: least, out: out}), nil
	}
	return nil, fmt.Errorf("log_format is %q: it must be one of %s", format, strings.Join(Formats, ", "))
}

func levelOf(name string) (zapcore.Level, error) {
	if !slices.Contains(Levels, name) { // zap has more, and takes an empty one
		return 0, fmt.Errorf("log_level is %q: it must be one of %s", name, strings.Join(Levels, ", "))
	}
	return zapcore.ParseLevel(name)
}

// jsonKeys are what a program that reads the log relies on; the fields of a record stand beside them.
func jsonKeys() zapcore.EncoderConfig {
	return zapcore.EncoderConfig{
		TimeKey:        "time",
		LevelKey:       "level",
		NameKey:        "logger",
		MessageKey:     "message",
		EncodeTime:     zapcore.RFC3339NanoTimeEncoder,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.StringDurationEncoder,
	}
}
