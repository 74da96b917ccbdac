package configs

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setValue sets target, the field of a setting, to what text says. oneof lists what a text may be; empty is anything.
// The error tells what is allowed, to stand after the name and the text.
func setValue(target reflect.Value, text, oneof string) error {
	switch field := target.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return field.UnmarshalText([]byte(text))
	case *time.Duration:
		return setDuration(field, text)
	}
	switch target.Kind() {
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("it must be true or false (or 1, t, T, TRUE, True, 0, f, F, FALSE, False)")
		}
		target.SetBool(b)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("it must be a whole number")
		}
		target.SetInt(int64(n))
	default:
		switch allowed := strings.Split(oneof, ","); {
		case oneof == "" || slices.Contains(allowed, text):
		case len(allowed) == 1:
			return fmt.Errorf("it must be %s", oneof)
		default:
			return fmt.Errorf("it must be one of %s", strings.Join(allowed, ", "))
		}
		target.SetString(text)
	}
	return nil
}

// setDuration takes what Go takes, and a bare number, which is seconds.
func setDuration(d *time.Duration, text string) error {
	full := text
	if strings.Trim(text, "+-.0123456789") == "" {
		full += "s"
	}
	parsed, err := time.ParseDuration(full)
	if err != nil {
		return errors.New("it must be a duration such as 10s, 1m30s or 1.5, which is seconds")
	}
	*d = parsed
	return nil
}

// durationText is the shortest text that setDuration reads as d.
func durationText(d time.Duration) string {
	text := d.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

// Size is a number of bytes. -1 is no limit where a setting says so.
type Size int64

// The units of a size. They are powers of 1024 with or without the iB, and in either case, as with -Xmx of the JVM and
// --memory of Docker: what is set here stands beside those. KB and the like, which some read as powers of 1000 and some
// as powers of 1024, are refused.
var units = []struct {
	name  string
	bytes Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// UnmarshalText reads 256MiB, 512M, or a number of bytes.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := cutUnit(string(text))
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || Size(n)*unit/unit != Size(n) {
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
