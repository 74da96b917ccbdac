package main

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// stack is a place where the process was found, and for how long in all.
type stack struct {
	functions []string // from the outermost to the innermost
	time      time.Duration
}

// stacksOf reads the stacks of a profile of processor time. Functions that were compiled into their callers are in them.
func stacksOf(p *profile.Profile) ([]stack, error) {
	at := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "cpu" && t.Unit == "nanoseconds" })
	if at < 0 {
		return nil, errors.New("the profile is not one of processor time")
	}
	var stacks []stack
	for _, sample := range p.Sample {
		s := stack{time: time.Duration(sample.Value[at])}
		for _, location := range slices.Backward(sample.Location) {
			for _, line := range slices.Backward(location.Line) {
				s.functions = append(s.functions, line.Function.Name)
			}
		}
		stacks = append(stacks, s)
	}
	return stacks, nil
}

// cut parts a function's full name into its package and its name there. The package of what is written in assembly
// for the runtime is "".
func cut(function string) (pkg, name string) {
	plain, _, _ := strings.Cut(function, "[") // a type argument may have slashes
	slash := strings.LastIndexByte(plain, '/') + 1
	dot := strings.IndexByte(plain[slash:], '.')
	if dot < 0 {
		return "", function
	}
	return function[:slash+dot], function[slash+dot+1:]
}

// below reports whether a package is this one, or in a folder of it.
func below(pkg, folder string) bool {
	rest, ok := strings.CutPrefix(pkg, folder)
	return ok && (rest == "" || rest[0] == '/')
}
