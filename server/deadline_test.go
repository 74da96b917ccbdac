package server

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestDeadlineIsToldOnlyWhenTheOneInForceWouldRunOutTooEarlyOrLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 64 * time.Second // so that a second is the most that it may run out late
		begin := time.Now()
		var d deadline
		var told []time.Duration
		ask := func(by time.Time) {
			_ = d.set(by, false, func(at time.Time) error { told = append(told, at.Sub(begin)); return nil })
		}
		for _, step := range []struct {
			name  string
			pause time.Duration
			want  []time.Duration // what the socket was told
		}{
			{"the first is told, and a second later than it was asked for", 0, []time.Duration{limit + time.Second}},
			{"what ends between the two needs no telling", 999 * time.Millisecond, nil},
			{"nor does what ends as the one in force does", time.Millisecond, nil},
			{"a later one is told", time.Millisecond, []time.Duration{limit + 2*time.Second + time.Millisecond}},
		} {
			told = nil
			time.Sleep(step.pause)
			ask(time.Now().Add(limit))
			if len(told) != len(step.want) || len(told) > 0 && told[0] != step.want[0] {
				t.Errorf("%s: told %v, want %v", step.name, told, step.want)
			}
		}
		told = nil
		_ = new(deadline).set(time.Now().Add(limit), true, func(at time.Time) error { told = append(told, time.Until(at)); return nil })
		if len(told) != 1 || told[0] != limit {
			t.Errorf("an exact one: told %v", told)
		}
		for name, by := range map[string]time.Time{"none": {}, "past": time.Unix(1, 0), "sooner": time.Now().Add(limit / 2)} {
			told = nil
			ask(by)
			if len(told) != 1 {
				t.Errorf("%s: told %v", name, told)
			}
		}
	})
}
