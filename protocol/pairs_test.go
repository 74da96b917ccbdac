package protocol

import (
	"bytes"
	"testing"
)

func TestPairsAreVisitedInOrderAndUpToABreak(t *testing.T) {
	wire := appendPairs(nil, []string{"a", "1", "b", "2", "a", "3"})
	p, rest, ok := parsePairs(append(wire, "rest"...))
	if !ok || string(rest) != "rest" || p.Len() != 3 {
		t.Fatalf("got %d pairs, %q, %v", p.Len(), rest, ok)
	}
	for key, value := range p.All() {
		if string(key) != "a" || string(value) != "1" {
			t.Errorf("first pair is %s=%s", key, value)
		}
		break
	}
	for key, want := range map[string]string{"a": "1", "b": "2"} {
		if got, ok := p.Get(key); !ok || got != want {
			t.Errorf("Get(%q) = %q, %v, want the first value %q", key, got, ok, want)
		}
	}
	if got, ok := p.Get("c"); ok || got != "" {
		t.Errorf("Get(c) = %q, %v, want nothing", got, ok)
	}
}

func TestNoPairsIsAnEmptyList(t *testing.T) {
	for range (Pairs{}).All() {
		t.Error("the zero value visits a pair")
	}
	if n := (Pairs{}).Len(); n != 0 {
		t.Errorf("the zero value has %d pairs", n)
	}
}

// A view must end where its string ends: an append to it may not write into the next one.
func TestViewsDoNotReachBeyondTheirString(t *testing.T) {
	wire := appendPairs(nil, []string{"k", "v", "k", "v"})
	p, _, _ := parsePairs(wire)
	before := bytes.Clone(wire)
	for key, value := range p.All() {
		_, _ = append(key, '!'), append(value, '!') // only their side effect is of interest
	}
	if !bytes.Equal(wire, before) {
		t.Errorf("an append to a view changed the payload to\n%s", HexDump(wire))
	}
}
