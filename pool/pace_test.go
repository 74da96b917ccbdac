package pool

import (
	"testing"
	"time"

	"fwatchdog/internal/life"
)

// busy keeps the line full for d with requests that take each.
func (r *rig) busy(d, each time.Duration) {
	r.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		for c := r.send(each.String()); !c.over(); {
			c = r.send(each.String())
		}
		r.pass(each)
	}
}

func TestRefusedRequestIsToldWhenTheLineWillBeServed(t *testing.T) {
	for _, test := range []struct {
		name        string
		size, queue int
		each        time.Duration
		want        int
	}{
		{"three a second, five wait", 1, 5, 333 * time.Millisecond, 2},
		{"one a second, five wait", 1, 5, time.Second, 6},
		{"two a second, five wait", 2, 5, time.Second, 3},
		{"one in three seconds, nobody waits", 1, 0, 3 * time.Second, 3},
		{"a hundred a second", 1, 5, 10 * time.Millisecond, 1},
		{"one in ten seconds, twenty wait", 1, 20, 10 * time.Second, 60},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: test.size, QueueSize: test.queue, QueueTimeout: time.Hour}, func(r *rig) {
				r.busy(30*time.Second, test.each)
				for range test.size + test.queue { // what became free at this very moment is taken again
					r.send(test.each.String())
				}
				if got := r.RetryAfter(); got != test.want {
					t.Errorf("got %d, want %d", got, test.want)
				}
				r.stop()
			})
		})
	}
}

func TestRefusedRequestMayComeAgainSoonWhenNothingIsKnown(t *testing.T) {
	for _, test := range []struct {
		name string
		so   func(*rig)
	}{
		{"nobody has waited yet", func(r *rig) { r.send("hold") }},
		{"they have waited for a moment", func(r *rig) {
			for range 6 {
				r.send("hold")
			}
			r.pass(500 * time.Millisecond)
		}},
		{"a place is free", func(r *rig) {
			r.busy(30*time.Second, 10*time.Second)
			for range 20 { // who asks keeps the measuring going
				r.pass(5 * time.Second)
				r.RetryAfter()
			}
		}},
		{"there is no worker", func(r *rig) {
			r.busy(30*time.Second, 10*time.Second)
			r.boots(bootFails)
			r.Retire(1, life.MemoryHard)
			r.settle()
		}},
		{"all was quiet for an hour", func(r *rig) {
			r.busy(30*time.Second, 10*time.Second)
			r.pass(time.Hour)
			r.send("hold")
			r.send("hold")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 1, QueueSize: 5, QueueTimeout: time.Hour}, func(r *rig) {
				test.so(r)
				if got := r.RetryAfter(); got != 1 {
					t.Errorf("got %d, want 1", got)
				}
				r.stop()
			})
		})
	}
}

func TestRefusedRequestIsToldThePaceOfTheLastSeconds(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 5, QueueTimeout: time.Hour}, func(r *rig) {
		r.busy(5*time.Minute, 10*time.Second)
		slow := r.RetryAfter()
		r.pass(time.Minute) // those who wait
		r.busy(30*time.Second, 100*time.Millisecond)
		if fast := r.RetryAfter(); slow < 40 || fast != 1 {
			t.Errorf("got %d, then %d", slow, fast)
		}
		r.stop()
	})
}
