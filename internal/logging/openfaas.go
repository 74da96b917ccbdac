package logging

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// date is how Go's own log writes it.
const date = "2006/01/02 15:04:05 "

// lineCore writes records in the lines of the OpenFaaS watchdogs: a date, and the text that Line gave the record. What
// they have no line for is the message with its fields.
type lineCore struct {
	zapcore.LevelEnabler
	err, out zapcore.WriteSyncer
	prefix   bool            // of the function's lines
	fields   []zapcore.Field // of every record
}

// lines is what a record says in format openfaas.
type lines struct {
	format string
	args   []any
}

// wrote is a line of the function's.
type wrote struct{ from, line string }

// Line gives a record its text in format openfaas; of several each is a line. A text of several lines has the date before its
// first, as Go's own log has it. Other formats leave it out.
func Line(format string, args ...any) zap.Field {
	return zap.Field{Type: zapcore.SkipType, Interface: lines{format, args}}
}

// Wrote writes a line of the function's. from is stdout, stderr or log.
func Wrote(log *zap.Logger, from, line string, fields ...zap.Field) {
	WroteAt(log, zapcore.InfoLevel, from, line, fields...)
}

// WroteAt is Wrote where the function said how grave it is.
func WroteAt(log *zap.Logger, level zapcore.Level, from, line string, fields ...zap.Field) {
	if entry := log.Check(level, "function wrote"); entry != nil {
		entry.Write(append(fields, zap.String("from", from), zap.String("line", line),
			zap.Field{Type: zapcore.SkipType, Interface: wrote{from, line}})...)
	}
}

// With returns a core that adds the fields to every record.
func (c *lineCore) With(fields []zapcore.Field) zapcore.Core {
	with := *c
	with.fields = slices.Concat(c.fields, fields)
	return &with
}

// Check asks to write what the level lets through.
func (c *lineCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

// Write writes one record, with one call.
func (c *lineCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	at := entry.Time.Format(date)
	var text strings.Builder
	for _, f := range fields {
		switch said := f.Interface.(type) {
		case lines:
			fmt.Fprintf(&text, at+said.format, said.args...)
			text.WriteByte('\n')
		case wrote:
			return c.writeFunction(entry, said)
		}
	}
	if text.Len() == 0 {
		text.WriteString(at + c.ordinary(entry, fields) + "\n")
	}
	_, err := c.err.Write([]byte(text.String()))
	return err
}

// ordinary is the text of a record that the watchdogs do not have.
func (c *lineCore) ordinary(entry zapcore.Entry, fields []zapcore.Field) string {
	var text strings.Builder
	text.WriteString(Printable(entry.Message))
	for _, f := range shown(slices.Concat(c.fields, fields)) {
		text.WriteString(" " + f.key + "=" + f.text + quotedIf(f.lines))
	}
	return text.String()
}

// quotedIf puts a text of several lines on one.
func quotedIf(text string) string {
	if text == "" {
		return ""
	}
	return quoted(text)
}

// writeFunction writes a line of the function's to the stream that it came from.
func (c *lineCore) writeFunction(entry zapcore.Entry, said wrote) error {
	to := c.err
	if said.from == "stdout" {
		to = c.out
	}
	text := said.line + "\n"
	if c.prefix {
		text = entry.Time.Format(date) + said.from + ": " + text
	}
	_, err := to.Write([]byte(text))
	return err
}

// Sync flushes what lies below.
func (c *lineCore) Sync() error {
	_ = c.out.Sync() // of two, the second's error tells enough
	return c.err.Sync()
}
