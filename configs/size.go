package configs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fwatchdog/supervisor"
)

// Size is a number of bytes. -1 is no limit where a setting says so.
type Size int64

// The units of a size. They are powers of 1024 with or without the iB, and in either case, as with -Xmx of the JVM and
// --memory of Docker: what is set here stands beside those. KB and the like, which some read as powers of 1000 and some
// as powers of 1024, are refused.
var units = []struct {
	name  string
	bytes Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

var errTooLarge = errors.New("it must be less than 8 EiB")

// UnmarshalText reads 256MiB, 512M, or a number of bytes.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := cutUnit(string(text))
	n, err := strconv.ParseInt(number, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), Size(n)*unit/unit != Size(n):
		return errTooLarge
	case err != nil:
		return errors.New("it must be a number of bytes, or one with KiB, MiB or GiB (or K, M, G, which are the same)")
	}
	*s = Size(n) * unit
	return nil
}

// cutUnit splits a size into its number and its unit, which is 1 when there is none.
func cutUnit(text string) (number string, unit Size) {
	for _, u := range units {
		for _, name := range []string{u.name, u.name[:2], u.name[:1]} {
			if at := len(text) - len(name); at > 0 && strings.EqualFold(text[at:], name) {
				return text[:at], u.bytes
			}
		}
	}
	return text, 1
}

// String is the shortest text that UnmarshalText reads as s.
func (s Size) String() string {
	for _, u := range units {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// LineLimit is the longest line in bytes; -1 is no limit.
type LineLimit Size

// UnmarshalText reads a size. Its error has the words of of-watchdog, for which scripts look.
func (l *LineLimit) UnmarshalText(text []byte) error {
	if err := (*Size)(l).UnmarshalText(text); err != nil {
		return fmt.Errorf("invalid log_buffer_size value: %s: %w", text, err)
	}
	return nil
}

// String is the text that UnmarshalText reads as l.
func (l LineLimit) String() string { return Size(l).String() }

// MemoryLimit is a limit in bytes, or one of the supervisor's Auto and Off.
type MemoryLimit int64

// UnmarshalText reads auto, off (or 0, as elsewhere), or a size.
func (l *MemoryLimit) UnmarshalText(text []byte) error {
	var size Size
	switch string(text) {
	case "auto":
		size = Size(supervisor.Auto)
	case "off":
		size = Size(supervisor.Off)
	default:
		switch err := size.UnmarshalText(text); {
		case errors.Is(err, errTooLarge):
			return err
		case err != nil, size < 0:
			return errors.New("it must be auto, off, or a size such as 256MiB, 512M or a number of bytes")
		}
	}
	*l = MemoryLimit(size)
	return nil
}

// String is the text that UnmarshalText reads as l.
func (l MemoryLimit) String() string {
	switch int64(l) {
	case supervisor.Auto:
		return "auto"
	case supervisor.Off:
		return "off"
	}
	return Size(l).String()
}
