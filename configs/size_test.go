package configs

import (
	"testing"

	"fwatchdog/supervisor"
)

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

func TestMemoryLimitIsASizeOrAWord(t *testing.T) {
	for text, want := range map[string]int64{"auto": supervisor.Auto, "off": supervisor.Off, "0": supervisor.Off, "256MiB": 256 << 20, "1000": 1000} {
		got := MemoryLimit(7)
		if err := got.UnmarshalText([]byte(text)); err != nil || int64(got) != want {
			t.Errorf("%q is %d (%v), want %d", text, int64(got), err, want)
		}
		if again := got.String(); again != text && text != "0" {
			t.Errorf("%q is shown as %q", text, again)
		}
	}
	for _, text := range []string{"", "-1", "AUTO", "none", "1MB"} {
		got := MemoryLimit(7)
		if err := got.UnmarshalText([]byte(text)); err == nil || got != 7 {
			t.Errorf("%q is %d, want an error and no change", text, int64(got))
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
