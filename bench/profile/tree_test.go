package main

import (
	"fmt"
	"testing"
)

// checkSums reports a node whose time is not its own and its children's.
func checkSums(t *testing.T, n *node) {
	t.Helper()
	sum := n.self
	for _, c := range n.children {
		sum += c.total
		checkSums(t, c)
	}
	if sum != n.total {
		t.Errorf("%s has %v, and %v in it", n.name, n.total, sum)
	}
}

// sampled is a tree of 1000 with small functions in it, some of which are something together.
func sampled() []stack {
	stacks := []stack{took("a > b > c", 500), took("a > b", 200), took("a > d", 80), took("e", 100), took("e > f", 2), took("e > g", 2), took("e > h", 108)}
	for i := range 8 {
		stacks = append(stacks, took(fmt.Sprintf("a > small%d", i), 1))
	}
	return stacks
}

func TestFoldingKeepsAllTime(t *testing.T) {
	root := fold(sampled())
	checkSums(t, root)
	if root.total != 1000 || len(root.children) != 2 || root.children[0].total != 788 {
		t.Errorf("got %+v", root)
	}
}

func TestSmallFunctionsAreMergedAndTheirTimeIsKept(t *testing.T) {
	root := fold(sampled())
	before := root.byOwner()
	root.merge(5)
	checkSums(t, root)
	a, e := root.children[0], root.children[1]
	if got := a.children[len(a.children)-1]; got.name != "8 smaller ones" || got.total != 8 || got.owner != merged {
		t.Errorf("eight of 1 became %+v", got)
	}
	if len(e.children) != 1 || e.self != 104 {
		t.Errorf("two of 2 are less than 5 together, and are not their caller's: %+v", e)
	}
	if root.total != 1000 || before[goRuntime] != 1000 {
		t.Errorf("got %v of %v", root.total, before)
	}
}

func TestTheLargestComesFirst(t *testing.T) {
	root := fold([]stack{took("a", 1), took("b", 3), took("c", 2)})
	root.merge(1)
	if got := root.children[0].name + root.children[1].name + root.children[2].name; got != "bca" {
		t.Errorf("got %s", got)
	}
}

func TestTheStepsIntoASystemCallAreOne(t *testing.T) {
	got := joinCalls(called("internal/poll.(*FD).Write > syscall.write" + call + " > runtime.entersyscall").functions)
	want := []frame{{"internal/poll.(*FD).Write", others}, {"kernel.write", kernel}, {"runtime.entersyscall", goRuntime}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
