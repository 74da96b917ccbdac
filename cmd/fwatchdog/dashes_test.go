package main

import (
	"slices"
	"testing"
)

func TestOneDashIsAsGoodAsTwoAlsoWithAValue(t *testing.T) {
	for _, flag := range []string{"-version", "-version=true", "--version=true"} {
		if code, out, errs := runs(t, "", nil, flag); code != 0 || out == "" {
			t.Errorf("%s: exit code %d %s%s", flag, code, out, errs)
		}
	}
	if code, _, errs := runs(t, "", []string{"TMPDIR=" + t.TempDir()}, "-run-healthcheck=true"); code != 1 || errs != "unable to find lock file.\n" {
		t.Errorf("exit code %d %s", code, errs)
	}
	args := []string{"serve", "-versions=1", "--", "f", "-version=true"}
	if got := doubleDashes(args); !slices.Equal(got, args) {
		t.Errorf("got %q", got)
	}
}
