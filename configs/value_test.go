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

func TestPercentNeedsItsSign(t *testing.T) {
	for text, want := range map[string]Percent{"10%": 10, "0%": 0, "0": 0, "100%": 100, "2.5%": 2.5} {
		got := Percent(7)
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %v (%v), want %v", text, got, err, want)
		}
		if again := got.String(); again != text && text != "0" {
			t.Errorf("%q is shown as %q", text, again)
		}
	}
	for _, text := range []string{"", "%", "10", "0.1", "101%", "-1%", "NaN%", "1e1%", "0x1%", "10 %", "10%%", "NaN"} {
		got := Percent(7)
		if err := got.UnmarshalText([]byte(text)); err == nil || got != 7 {
			t.Errorf("%q is %v, want an error and no change", text, got)
		}
	}
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
