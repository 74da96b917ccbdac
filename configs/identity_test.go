package configs

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/internal/process"
)

func TestUserIsANameOrANumberWithItsGroups(t *testing.T) {
	for text, want := range map[string]*process.User{
		"":              nil,
		"root":          {},
		"0":             {},
		"daemon":        {Uid: 1, Gid: 1},
		"daemon:0":      {Uid: 1},
		"daemon:daemon": {Uid: 1, Gid: 1},
		"4711:4712":     {Uid: 4711, Gid: 4712},
		"4711:daemon":   {Uid: 4711, Gid: 1},
	} {
		got, err := lookUpUser(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v, -want +got:\n%s", text, err, diff)
		}
	}
	for _, text := range []string{"nobody-at-all", "4711", "-1:0", "4294967296:0", "0:", "0:nobody-at-all", ":0", "0:0:0"} {
		if got, err := lookUpUser(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestWorkersSeeTheStyleOfTheirHandlerHoweverItWasSet(t *testing.T) {
	environ := []string{"PATH=/bin", "LANG=C"}
	named := "handler_style=native"
	for name, test := range map[string]struct {
		in   input
		sees []string
		want []string
	}{
		"not set":            {input{}, environ, environ},
		"in the environment": {input{environ: []string{named}}, append(slices.Clone(environ), named), append(slices.Clone(environ), named)},
		"hidden":             {input{environ: []string{named, "worker_env=LANG"}}, append(slices.Clone(environ), named), append(slices.Clone(environ), named)},
		"in a flag":          {input{args: []string{"--handler-style=native"}}, append([]string{"handler_style=classic"}, environ...), append(slices.Clone(environ), named)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.in.settings(t).Worker(test.sees).Command.Env; !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestWorkersSeeTheVariablesThatAreNamed(t *testing.T) {
	environ := []string{"PATH=/bin", "DB_HOST=a=b", "DB_PORT=1", "DB=2", "LANG=C", "SECRET=s", "EMPTY="}
	for text, want := range map[string][]string{
		"":              environ,
		" ":             environ,
		"*":             environ,
		"LANG":          {"PATH=/bin", "LANG=C"},
		"PATH, NOTHING": {"PATH=/bin"},
		"DB_*,EMPTY":    {"PATH=/bin", "DB_HOST=a=b", "DB_PORT=1", "EMPTY="},
		" DB , LANG ":   {"PATH=/bin", "DB=2", "LANG=C"},
	} {
		v, err := readVisible(text)
		if diff := cmp.Diff(want, v.pick(environ)); err != nil || diff != "" {
			t.Errorf("%q: %v, -want +got:\n%s", text, err, diff)
		}
	}
	for _, text := range []string{",", "A,", "*A", "A*B", "A=1", "A B"} {
		if v, err := readVisible(text); err == nil {
			t.Errorf("%q is taken for %q", text, v)
		}
	}
}
