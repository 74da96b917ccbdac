package logging

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// printsCore writes what the function printed as it is, and of all else nothing.
type printsCore struct {
	zapcore.LevelEnabler
	out io.Writer
}

// Prints returns a core for whoever tries a function at a terminal: it writes the lines that the function printed to w, as
// they are but for what would steer the terminal. What the function itself calls a warning or worse is left to the log.
func Prints(w io.Writer) zapcore.Core {
	onlyInfo := zap.LevelEnablerFunc(func(level zapcore.Level) bool { return level == zapcore.InfoLevel })
	return &printsCore{LevelEnabler: onlyInfo, out: zapcore.Lock(zapcore.AddSync(w))}
}

// With returns the core: it writes no fields.
func (c *printsCore) With([]zapcore.Field) zapcore.Core { return c }

// Check asks to write what the level lets through.
func (c *printsCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

// Write writes the record's line when it is one of the function's.
func (c *printsCore) Write(_ zapcore.Entry, fields []zapcore.Field) error {
	for _, f := range fields {
		if said, is := f.Interface.(wrote); is {
			_, err := io.WriteString(c.out, Printable(said.line)+"\n")
			return err
		}
	}
	return nil
}

// Sync does nothing: what it writes is written.
func (c *printsCore) Sync() error { return nil }
