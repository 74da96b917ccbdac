package configs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTableTellsWhereValuesCameFrom(t *testing.T) {
	settings := input{
		args:    []string{"--pool-size=3"},
		environ: []string{"queue_timeout=90"},
		file:    "exec_timeout: 2m",
	}.settings(t)

	for _, want := range []Row{
		{"pool_size", "number of CPUs", "3", Flag, "", "Pool"},
		{"queue_timeout", "10s", "1m30s", Environment, "", "Pool"},
		{"exec_timeout", "0s; 30s in the modes serializing, streaming, http and static", "2m", File, "", "Worker"},
		{"queue_size", "10 × capacity", "-1", Default, "", "Pool"},
		{"log_buffer_size", "64KiB", "64KiB", Default, "", "Log"},
		{"fprocess", "", "", Default, "", "Function"},
		{"suppress_lock", "false", "false", Default, "", "HTTP"},
	} {
		got := rowOf(t, settings, want.Name)
		want.Meaning = got.Meaning
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestEverySettingHasAMeaningAGroupAndADefaultAsItIsShown(t *testing.T) {
	settings := input{}.settings(t)
	seen := map[string]bool{}
	last := ""
	for _, row := range Table(settings) {
		if !strings.HasSuffix(row.Meaning, ".") || row.Group == "" {
			t.Errorf("%s: meaning %q, group %q", row.Name, row.Meaning, row.Group)
		}
		if row.Group != last && seen[row.Group] {
			t.Errorf("%s: group %s is in two places", row.Name, row.Group)
		}
		seen[row.Group], last = true, row.Group
		if row.Default != row.Value && !strings.Contains(row.Default, " ") {
			t.Errorf("%s: the default is written %s and shown as %s", row.Name, row.Default, row.Value)
		}
	}
}

var someRows = []Row{
	{"fprocess", "", "a | b", Environment, "The function.", "Function"},
	{"mode", "pool", "pool", Default, "How: a|b.", "Function"},
	{"pool_size", "number of CPUs", "4", Default, "Workers.", "Pool"},
	{"config", "", "/a/path/that/is/longer/than/most", Flag, "A file.", "Pool"},
	{"queue_timeout", "10s", "1m", File, "The wait.", "Pool"},
}

func TestMarkdownIsOneTable(t *testing.T) {
	want := `| name | default | meaning |
|---|---|---|
| **Function** | | |
| ` + "`fprocess`" + ` |  | The function. |
| ` + "`mode`" + ` | pool | How: a\|b. |
| **Pool** | | |
| ` + "`pool_size`" + ` | number of CPUs | Workers. |
| ` + "`config`" + ` |  | A file. |
| ` + "`queue_timeout`" + ` | 10s | The wait. |
`
	if diff := cmp.Diff(want, Markdown(someRows)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTextIsForPeople(t *testing.T) {
	want := `Function
  fprocess       a | b                     environment
      The function.
  mode           pool                      default
      How: a|b.

Pool
  pool_size      4                         default (number of CPUs)
      Workers.
  config         /a/path/that/is/longer/than/most  flag
      A file.
  queue_timeout  1m                        file (default 10s)
      The wait.
`
	if diff := cmp.Diff(want, Text(someRows)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
