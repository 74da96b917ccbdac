package configs

import (
	"testing"
	"time"
)

func TestDurationTakesUnitsAndBareSeconds(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10s": 10 * time.Second, "1m30s": 90 * time.Second, "400ms": 400 * time.Millisecond, "1.5s": 1500 * time.Millisecond,
		"10": 10 * time.Second, "1.5": 1500 * time.Millisecond, "0": 0, ".5": 500 * time.Millisecond, "-5": -5 * time.Second,
		"-5s": -5 * time.Second, "+5": 5 * time.Second, "2h": 2 * time.Hour,
	} {
		var got time.Duration
		if err := setDuration(&got, text); err != nil || got != want {
			t.Errorf("%q is %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", " ", "abc", "10 s", "1m30", "1-2", ".", "1e3", "1_0", "0x10", "NaN", "Inf", "1d", "10000000000"} {
		got := time.Hour
		if err := setDuration(&got, text); err == nil || got != time.Hour {
			t.Errorf("%q is %v, want an error and no change", text, got)
		}
	}
}

func TestDurationIsShownShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", time.Minute: "1m", 10 * time.Minute: "10m", 90 * time.Second: "1m30s", time.Hour: "1h",
		time.Hour + time.Minute: "1h1m", time.Hour + time.Second: "1h0m1s", 1500 * time.Millisecond: "1.5s", -time.Minute: "-1m",
	} {
		if got := durationText(d); got != want {
			t.Errorf("%v is shown as %q, want %q", d, got, want)
		}
	}
}

func TestSizeTakesUnitsAndBytes(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "-1": -1, "65536": 65536, "1K": 1024, "1k": 1024, "1Ki": 1024, "1KiB": 1024, "1kib": 1024,
		"512M": 512 << 20, "256MiB": 256 << 20, "3G": 3 << 30, "3Gi": 3 << 30, "8589934591G": 8589934591 << 30,
	} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "M", "MiB", "1MB", "1KB", "1B", "1.5M", "1 M", "1T", "x", "8589934592G", "9223372036854775808"} {
		got := Size(7)
		if err := got.UnmarshalText([]byte(text)); err == nil || got != 7 {
			t.Errorf("%q is %d, want an error and no change", text, got)
		}
	}
}

func TestSizeIsShownInItsLargestUnit(t *testing.T) {
	for size, want := range map[Size]string{0: "0", -1: "-1", 1: "1", 1023: "1023", 1024: "1KiB", 1536: "1536", 1536 << 10: "1536KiB",
		1 << 30: "1GiB", -1 << 20: "-1MiB"} {
		if got := size.String(); got != want {
			t.Errorf("%d is shown as %q, want %q", int64(size), got, want)
		}
	}
}

func TestBoolTakesTheFormsOfTheContract(t *testing.T) {
	for want, texts := range map[bool][]string{true: {"1", "t", "T", "TRUE", "true", "True"}, false: {"0", "f", "F", "FALSE", "false", "False"}} {
		for _, text := range texts {
			if got := (input{environ: []string{"suppress_lock=" + text}}).settings(t).SuppressLock; got != want {
				t.Errorf("%q is %v", text, got)
			}
		}
	}
	for _, text := range []string{"yes", "on", "tRUE", " true", "2"} {
		if _, err := (input{environ: []string{"suppress_lock=" + text}}).check(t); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func FuzzSize(f *testing.F) {
	for _, text := range []string{"256MiB", "512M", "-1", "9223372036854775807", "8589934592G", "1k", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var size, again Size
		if size.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(size.String())); err != nil || again != size {
			t.Errorf("%q is %d, shown as %q, which is %d (%v)", text, int64(size), size, int64(again), err)
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, text := range []string{"10s", "1m30s", "1.5", "-5", "+.5", "2562047h47m16.854775807s", "1h0m0s", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d, again time.Duration
		if setDuration(&d, text) != nil {
			return
		}
		if err := setDuration(&again, durationText(d)); err != nil || again != d {
			t.Errorf("%q is %v, shown as %q, which is %v (%v)", text, d, durationText(d), again, err)
		}
	})
}
