package logging

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// textCore writes records for people: one line each, with the values that have several lines indented below it.
//
//	15:04:05.000 INFO  request answered: GET / 200, 5 bytes in 1.2ms  slot=3
//	15:04:05.000 WARN  pool: worker ended  slot=3 reason=crash
//	    stderr:
//	        Error: Cannot find module 'x'
type textCore struct {
	zapcore.LevelEnabler
	out    zapcore.WriteSyncer
	fields []zapcore.Field // of every record
}

// With returns a core that adds the fields to every record.
func (c *textCore) With(fields []zapcore.Field) zapcore.Core {
	return &textCore{LevelEnabler: c.LevelEnabler, out: c.out, fields: slices.Concat(c.fields, fields)}
}

// Check asks to write what the level lets through.
func (c *textCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

// Write writes one record, with one call, so that records of several goroutines do not mix.
func (c *textCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	var line, below strings.Builder
	fmt.Fprintf(&line, "%s %-5s ", entry.Time.Format("15:04:05.000"), entry.Level.CapitalString())
	if entry.LoggerName != "" {
		line.WriteString(entry.LoggerName + ": ")
	}
	line.WriteString(Printable(entry.Message))
	essence, instead := essenceOf(fields)
	if essence != "" {
		line.WriteString(": " + Printable(essence))
	}
	before := "  "
	for _, f := range shown(slices.Concat(c.fields, fields)) {
		if slices.Contains(instead, f.key) {
			continue
		}
		if f.lines != "" {
			writeBlock(&below, f)
			continue
		}
		line.WriteString(before + f.key + "=" + f.text)
		before = " "
	}
	line.WriteByte('\n')
	_, err := c.out.Write([]byte(line.String() + below.String()))
	return err
}

// essence is what a record says in a few words, and the keys of the fields that say the same.
type essence struct {
	instead []string
	format  string
	args    []any
}

// Essence gives a record a text that format text has behind the message, instead of the fields with these keys. Other formats
// leave it out.
func Essence(instead []string, format string, args ...any) zap.Field {
	return zap.Field{Type: zapcore.SkipType, Interface: essence{instead, format, args}}
}

// essenceOf is that of a record, and the keys that it stands for. That of a line of the function's is the line.
func essenceOf(fields []zapcore.Field) (text string, instead []string) {
	for _, f := range fields {
		switch said := f.Interface.(type) {
		case essence:
			return fmt.Sprintf(said.format, said.args...), said.instead
		case wrote:
			return said.line, []string{"line"}
		}
	}
	return "", nil
}

// Sync flushes what lies below.
func (c *textCore) Sync() error { return c.out.Sync() }

// writeBlock writes a value of several lines.
func writeBlock(b *strings.Builder, f field) {
	fmt.Fprintf(b, "    %s:\n", f.key)
	for line := range strings.Lines(f.lines) {
		fmt.Fprintf(b, "        %s\n", Printable(strings.TrimRight(line, "\r\n")))
	}
}

// field is a key with its value, which is a text for the line or several lines of its own.
type field struct{ key, text, lines string }

// shown are the fields as they are shown, in their order. One of zap's may be several, by the order of their keys.
func shown(fields []zapcore.Field) []field {
	var all []field
	namespace := ""
	for _, f := range fields {
		if f.Type == zapcore.NamespaceType {
			namespace += f.Key + "."
			continue
		}
		one := zapcore.NewMapObjectEncoder()
		f.AddTo(one)
		for _, key := range slices.Sorted(maps.Keys(one.Fields)) {
			text, isText := plain(one.Fields[key])
			switch text = strings.TrimRight(text, "\r\n"); {
			case strings.Contains(text, "\n"):
				all = append(all, field{key: namespace + key, lines: text})
			case isText:
				all = append(all, field{key: namespace + key, text: quoted(text)})
			default:
				all = append(all, field{key: namespace + key, text: Printable(text)})
			}
		}
	}
	return all
}

// plain is a value as a person would write it, and whether it is a text. What has parts is JSON.
func plain(value any) (text string, isText bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case time.Time:
		return value.Format(time.RFC3339Nano), true
	case time.Duration:
		return threeDigits(value).String(), true
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // it is for no browser
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value), true
	}
	return b.String(), false
}

// threeDigits is a time with as many digits as people read, and to the second when it is long.
func threeDigits(d time.Duration) time.Duration {
	unit := time.Nanosecond
	for d.Abs()/unit >= 1000 && unit < time.Second {
		unit *= 10
	}
	return d.Round(unit)
}

// quoted puts a value in quotes that would else be taken for something that it is not.
func quoted(value string) string {
	special := func(r rune) bool { return r == '"' || r == '=' || unicode.IsSpace(r) || !unicode.IsPrint(r) }
	if value == "" || strings.ContainsFunc(value, special) {
		return strconv.Quote(value)
	}
	return value
}

// Printable keeps what a function prints from steering the terminal.
func Printable(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if r == '\t' || unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}
