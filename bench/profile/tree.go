package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// node is a function that was called from its parent in the tree. Its total is its self and the totals of its children.
type node struct {
	name        string
	owner       owner
	total, self time.Duration
	children    []*node
}

// fold makes one tree of all stacks.
func fold(stacks []stack) *node {
	root := &node{name: "all", owner: merged}
	for _, s := range stacks {
		at := root
		at.total += s.time
		for _, f := range joinCalls(s.functions) {
			at = at.child(f)
			at.total += s.time
		}
		at.self += s.time
	}
	return root
}

// frame is a function in a stack.
type frame struct {
	name  string
	owner owner
}

// joinCalls makes one frame of the steps into a system call, which say nothing but its name.
func joinCalls(functions []string) []frame {
	var frames []frame
	for _, function := range functions {
		f := frame{function, ownerOf(function)}
		if f.owner == kernel {
			if n := len(frames); n > 0 && frames[n-1].owner == kernel {
				continue
			}
			_, name := cut(function)
			f.name = "kernel." + strings.ToLower(name)
		}
		frames = append(frames, f)
	}
	return frames
}

func (n *node) child(f frame) *node {
	for _, c := range n.children {
		if c.name == f.name {
			return c
		}
	}
	c := &node{name: f.name, owner: f.owner}
	n.children = append(n.children, c)
	return c
}

// merge puts children that are smaller than least together. What is small even then becomes the parent's own. Children are
// ordered by size, the largest first.
func (n *node) merge(least time.Duration) {
	large, small := []*node{}, &node{owner: merged}
	count := 0
	for _, c := range n.children {
		if c.total >= least {
			c.merge(least)
			large = append(large, c)
		} else {
			small.total += c.total
			count++
		}
	}
	slices.SortFunc(large, func(a, b *node) int {
		return cmp.Or(cmp.Compare(b.total, a.total), strings.Compare(a.name, b.name))
	})
	if small.total >= least && count > 0 {
		small.name, small.self = fmt.Sprintf("%d smaller ones", count), small.total
		large = append(large, small)
	} else {
		n.self += small.total
	}
	n.children = large
}

// depth is how many nodes stand on one another.
func (n *node) depth() int {
	deepest := 0
	for _, c := range n.children {
		deepest = max(deepest, c.depth())
	}
	return deepest + 1
}

// byOwner is the time of each owner's functions, without those they call.
func (n *node) byOwner() (sums [len(owners)]time.Duration) {
	sums[n.owner] += n.self
	for _, c := range n.children {
		for o, t := range c.byOwner() {
			sums[o] += t
		}
	}
	return sums
}
