package pool

import (
	"slices"
	"testing"
)

func TestEveryStateHasANameAndAWayOut(t *testing.T) {
	if len(follows) != len(States) {
		t.Fatalf("%d states have moves, %d are listed", len(follows), len(States))
	}
	names := map[string]bool{}
	for _, s := range States {
		if s.String() == "" || names[s.String()] {
			t.Errorf("state %d has no name of its own: %q", s, s)
		}
		names[s.String()] = true
		if len(follows[s]) == 0 || slices.Contains(follows[s], s) {
			t.Errorf("no way leads out of %s", s)
		}
	}
}

func TestEveryStateLeadsBackToVacant(t *testing.T) {
	for _, from := range States {
		seen := map[State]bool{}
		reach := []State{from}
		for len(reach) > 0 {
			s := reach[0]
			reach = reach[1:]
			for _, next := range follows[s] {
				if !seen[next] {
					seen[next] = true
					reach = append(reach, next)
				}
			}
		}
		if !seen[Vacant] {
			t.Errorf("a slot that is %s is never vacant again", from)
		}
	}
}

func TestMoveThatIsNotListedPanics(t *testing.T) {
	for _, from := range States {
		for _, to := range States {
			if got := panics(func() {
				p := New(Config{Size: 1}, nil)
				p.move(&slot{state: from}, to)
			}); got == slices.Contains(follows[from], to) {
				t.Errorf("from %s to %s: panicked: %v", from, to, got)
			}
		}
	}
}

func TestPlaceThatNobodyHadCannotBeGivenBack(t *testing.T) {
	p := New(Config{Size: 1}, nil)
	if !panics(p.vacantSlot().over) {
		t.Error("a place was given back twice and nobody was told")
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
