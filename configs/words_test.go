package configs

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCommandIsSplitAsAShellDoes(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"blanks only", " \t\n", nil},
		{"one word", "cat", []string{"cat"}},
		{"several blanks are one", " echo   two\twords\n", []string{"echo", "two", "words"}},
		{"single quotes", `sh -c 'echo "$HOME" \n'`, []string{"sh", "-c", `echo "$HOME" \n`}},
		{"double quotes", `sh -c "it's"`, []string{"sh", "-c", "it's"}},
		{"escapes in double quotes", `"\$ \" \\ \` + "`" + `"`, []string{"$ \" \\ `"}},
		{"a backslash before others in double quotes", `grep -E "\d+\n"`, []string{"grep", "-E", `\d+\n`}},
		{"escapes outside", `a\ b \"c\' \\ \d`, []string{"a b", `"c'`, `\`, "d"}},
		{"quotes within a word", `--name="a b"'c d'e`, []string{"--name=a bc de"}},
		{"empty words", `a '' ""`, []string{"a", "", ""}},
		{"a joined line", "java \\\n  -Xmx200m \"-jar\\\n\" a\\\nb", []string{"java", "-Xmx200m", "-jar", "ab"}},
		{"a joined line is no word", "a \\\n b", []string{"a", "b"}},
		{"a comment", "node x.js # the handler\n--y", []string{"node", "x.js", "--y"}},
		{"a number sign within a word", `a#b "#c" \#d`, []string{"a#b", "#c", "#d"}},
		{"nothing is expanded", "echo $HOME *.js ~ `id` a|b;c&", []string{"echo", "$HOME", "*.js", "~", "`id`", "a|b;c&"}},
		{"letters of all alphabets", `grüße "日 本"`, []string{"grüße", "日 本"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := splitWords(test.text)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
		})
	}
}

func TestUnfinishedCommandIsRefused(t *testing.T) {
	for text, want := range map[string]error{
		`a "b`: errQuote, `a 'b`: errQuote, `a "b\"`: errQuote, `a "b\`: errQuote, `a b\`: errEscape, `\`: errEscape,
	} {
		if got, err := splitWords(text); !errors.Is(err, want) {
			t.Errorf("%q is %q (%v), want %v", text, got, err, want)
		}
	}
}

// Any words, each in the quotes of a shell, come out as they went in.
func FuzzWords(f *testing.F) {
	f.Add("a", "", "b c")
	f.Add("it's", `"\`, "\\\n#")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		words := []string{a, b, c}
		single, double := "", ""
		for _, word := range words {
			single += " '" + strings.ReplaceAll(word, "'", `'\''`) + "'"
			double += ` "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
		}
		for _, text := range []string{single, double} {
			if got, err := splitWords(text); err != nil || !slices.Equal(got, words) {
				t.Errorf("%q is %q (%v), want %q", text, got, err, words)
			}
		}
		_, _ = splitWords(a + b + c) // whatever it is, there is an end and no panic
	})
}
