package worker

import (
	"slices"
	"testing"
	"time"
)

// looks is a worker whose requests are opened and looked at by a test, at seconds of its own choice.
type looks struct {
	*Framed
	begin time.Time
}

func newLooks(after time.Duration) *looks {
	f := &Framed{streams: map[uint32]*stream{}}
	f.slow = slow{after: after, timer: time.NewTimer(time.Hour)}
	return &looks{f, time.Now()}
}

func (l *looks) at(second int) time.Time { return l.begin.Add(time.Duration(second) * time.Second) }

// open opens requests at a second.
func (l *looks) open(second int, callIDs ...string) {
	for _, callID := range callIDs {
		l.stream++
		l.streams[l.stream] = &stream{id: l.stream, callID: []byte(callID), begun: l.at(second)}
	}
}

func TestTheOldestSlowRequestIsLookedAtAndNoneTwice(t *testing.T) {
	l := newLooks(10 * time.Second)
	l.open(0, "a", "b", "c")
	l.open(5, "d")
	delete(l.streams, 1)
	var got []string
	for second := range 200 {
		if second == 100 {
			l.open(second, "e", "f")
		}
		if callID, running := l.nextSlow(l.at(second)); running > 0 {
			got = append(got, callID)
			if running != 10*time.Second {
				t.Errorf("%s was looked at after %v", callID, running)
			}
		}
	}
	// A minute after b there is nothing to be said of c and d, which had become slow meanwhile.
	if want := []string{"b", "e"}; !slices.Equal(got, want) {
		t.Errorf("looked at %v, want %v", got, want)
	}
}

func TestAWorkerIsNotAskedTwiceWithinAMinute(t *testing.T) {
	l := newLooks(time.Second)
	asked := 0
	for second := range 301 { // one request a second, each of which is slow
		l.open(second, "x")
		if _, running := l.nextSlow(l.at(second)); running > 0 {
			asked++
		}
	}
	if asked != 5 {
		t.Errorf("it was asked %d times in five minutes", asked)
	}
}

func TestTheTimerRunsWhileARequestMayBecomeSlow(t *testing.T) {
	l := newLooks(10 * time.Second)
	l.open(0, "a")
	l.open(5, "b")
	for second, want := range map[int]bool{3: true, 12: true} {
		if l.nextSlow(l.at(second)); l.slow.set != want {
			t.Errorf("at %d s it runs: %v", second, l.slow.set)
		}
	}
	if l.nextSlow(l.at(15)); l.slow.set {
		t.Error("it runs although every request is slow")
	}
	l.open(16, "c")
	delete(l.streams, 3)
	if l.nextSlow(l.at(30)); l.slow.set {
		t.Error("it runs although there is no further request")
	}
}

func TestADeadWorkerIsNotAsked(t *testing.T) {
	l := newLooks(time.Second)
	l.open(0, "a")
	l.deafen()
	if _, running := l.nextSlow(l.at(5)); running > 0 {
		t.Error("it was asked")
	}
}
