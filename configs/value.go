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

// setValue sets target, the field of an option, to what text says; a list gets one more. oneof lists what a text may be; empty is anything.
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
	case reflect.Slice:
		target.Set(reflect.Append(target, reflect.ValueOf(text)))
	case reflect.Int:
		n, err := strconv.Atoi(text)
		switch {
		case errors.Is(err, strconv.ErrRange):
			return errors.New("it must be a whole number that fits 64 bits")
		case err != nil:
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
	if isNumber(text) {
		full += "s"
	}
	parsed, err := time.ParseDuration(full)
	if err == nil {
		*d = parsed
		return nil
	}
	if _, malformed := time.ParseDuration(strings.Map(zero, full)); malformed == nil { // package time has one error for both
		return errors.New("it must be less than 292 years")
	}
	return errors.New("it must be a duration such as 10s, 1m30s or 1.5, which is seconds")
}

// zero makes every digit a 0.
func zero(r rune) rune {
	if '0' <= r && r <= '9' {
		return '0'
	}
	return r
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

// isNumber reports whether text has nothing in it that a plain number has not: ParseFloat takes 1e3, 0x10 and NaN, too.
func isNumber(text string) bool { return strings.Trim(text, "+-.0123456789") == "" }

// Percent is a part in hundredths.
type Percent float64

// UnmarshalText reads 10%. What has no sign might be meant as a part of 1, but for 0.
func (p *Percent) UnmarshalText(text []byte) error {
	number, signed := strings.CutSuffix(string(text), "%")
	part, err := strconv.ParseFloat(number, 64)
	if err != nil || !isNumber(number) || !signed && part != 0 || part < 0 || part > 100 {
		return errors.New("it must be 0% to 100%")
	}
	*p = Percent(part)
	return nil
}

// String is the text that UnmarshalText reads as p.
func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'f', -1, 64) + "%" }
