package server

import (
	"strconv"
	"testing"
	"time"
)

func TestSecondsHaveSixDecimals(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                        "0.000000",
		499:                                      "0.000000",
		500:                                      "0.000001",
		1234 * time.Microsecond:                  "0.001234",
		time.Second - time.Nanosecond:            "1.000000",
		time.Second:                              "1.000000",
		10*time.Second + 10*time.Microsecond:     "10.000010",
		26*time.Hour + 999999*time.Microsecond:   "93600.999999",
		90*time.Second + 100000*time.Microsecond: "90.100000",
	} {
		if got := string(appendSeconds(nil, d)); got != want {
			t.Errorf("%d ns is %s, want %s", d, got, want)
		}
		if float := strconv.FormatFloat(d.Seconds(), 'f', 6, 64); want != float && d%time.Microsecond == 0 {
			t.Errorf("%d ns is %s, as a float it would be %s", d, want, float)
		}
	}
}
