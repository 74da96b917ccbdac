package configs

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write fwatchdog.yaml anew")

// sample is a file that holds every setting in a comment, at its default.
func sample() string {
	var b strings.Builder
	b.WriteString(`# Settings of fwatchdog. Each is at its default; take away the first # of a line to set it.
#
# A variable of the same name wins over this file, and a flag (with dashes: --pool-size) over both. Durations are 10s,
# 1m30s, or a number of seconds; sizes are 256MiB, 512M, which is 512MiB, or a number of bytes.
# Use it with: fwatchdog --config fwatchdog.yaml
`)
	group := ""
	for _, o := range optionsOf(new(Settings)) {
		if o.name == "config" { // no file names another
			continue
		}
		if o.Get("group") != group {
			group = o.Get("group")
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		value := o.Get("default")
		if value == "" {
			value = `""`
		}
		fmt.Fprintf(&b, "\n# %s\n#%s: %s\n", o.Get("help"), o.name, value)
	}
	return b.String()
}

func TestSampleFileHoldsEveryDefault(t *testing.T) {
	want := sample()
	if *update {
		if err := os.WriteFile("fwatchdog.yaml", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("fwatchdog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("fwatchdog.yaml is out of date; write it anew with: go test ./configs -update\n-want +got:\n%s", diff)
	}
}

func TestSampleFileWithoutItsCommentSignsChangesNothing(t *testing.T) {
	text, err := os.ReadFile("fwatchdog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	set := 0
	for i, line := range lines {
		if name, isSetting := strings.CutPrefix(line, "#"); isSetting && name != "" && !strings.ContainsAny(name[:1], "# ") {
			lines[i] = name
			set++
		}
	}

	got := input{file: strings.Join(lines, "\n")}.settings(t)

	if want := len(Table(got)) - 1; set != want { // config is not in it
		t.Errorf("%d settings are in the file, want %d", set, want)
	}
	plain := input{}.settings(t)
	plain.Config = got.Config
	if diff := cmp.Diff(plain, got, cmpopts.IgnoreUnexported(Settings{})); diff != "" {
		t.Errorf("-plain +sample:\n%s", diff)
	}
}
