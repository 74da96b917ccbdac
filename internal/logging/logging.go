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
	Formats = []string{"json", "text", "openfaas"}
	Levels  = []string{"debug", "info", "warn", "error"}
)

// Config says where a log goes and what it looks like.
type Config struct {
	// Format is one of Formats, Level one of Levels.
	Format, Level string
	// Err takes the records. In format openfaas, Out takes what the function wrote to its stdout.
	Err, Out io.Writer
	// Prefix gives the function's lines a date and a name in format openfaas.
	Prefix bool
}

// New returns the logger.
func (c Config) New() (*zap.Logger, error) {
	least, err := levelOf(c.Level)
	if err != nil {
		return nil, err
	}
	out := zapcore.Lock(zapcore.AddSync(c.Err))
	switch c.Format {
	case "json":
		return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(jsonKeys()), out, least)), nil
	case "text":
		return zap.New(&textCore{LevelEnabler: least, out: out}), nil
	case "openfaas":
		stdout := zapcore.Lock(zapcore.AddSync(c.Out))
		return zap.New(&lineCore{LevelEnabler: least, err: out, out: stdout, prefix: c.Prefix}), nil
	}
	return nil, fmt.Errorf("log_format is %q: it must be one of %s", c.Format, strings.Join(Formats, ", "))
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
