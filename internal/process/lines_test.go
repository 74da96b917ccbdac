package process_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/internal/process"
)

func TestLinesAreCutAtNewlinesAndAtMost(t *testing.T) {
	for _, test := range []struct {
		name, text string
		max        int
		want       []string
	}{
		{"nothing", "", 8, nil},
		{"lines", "one\ntwo\n", 8, []string{"one", "two"}},
		{"empty lines", "\n\na\n\n", 8, []string{"", "", "a", ""}},
		{"last line without newline", "one\ntwo", 8, []string{"one", "two"}},
		{"carriage return is text", "one\r\n", 8, []string{"one\r"}},
		{"exactly most", "12345678\n1234567\n", 8, []string{"12345678", "1234567"}},
		{"one more than most", "123456789\n", 8, []string{"12345678", "9"}},
		{"twice most", "1234567812345678\nx\n", 8, []string{"12345678", "12345678", "x"}},
		{"long without newline", "1234567812345678", 8, []string{"12345678", "12345678"}},
		{"piece ends before a character", "1234567é\n", 8, []string{"1234567", "é"}},
		{"piece ends after a character", "123456é9\n", 8, []string{"123456é", "9"}},
		{"wide characters", "😀😀😀\n", 9, []string{"😀😀", "😀"}},
		{"no UTF-8", strings.Repeat("\xbf", 10) + "\n", 8, []string{strings.Repeat("\xbf", 8), "\xbf\xbf"}},
		{"most is less than a character", "a😀\n", 2, []string{"a", "\xf0\x9f", "\x98\x80"}},
		{"no limit", strings.Repeat("x", 10000) + "\ny", 0, []string{strings.Repeat("x", 10000), "y"}},
		{"longer than a read", strings.Repeat("x", 10000) + "\ny\n", 9000,
			[]string{strings.Repeat("x", 9000), strings.Repeat("x", 1000), "y"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for kind, reader := range readers(test.text) {
				got, err := collect(reader, test.max)
				if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
					t.Errorf("%s: %v %s", kind, err, diff)
				}
			}
		})
	}
}

func TestLinesReturnsTheReadersErrorAfterTheLastLine(t *testing.T) {
	broken := errors.New("broken")
	got, err := collect(io.MultiReader(strings.NewReader("one\ntw"), iotest.ErrReader(broken)), 8)
	if !errors.Is(err, broken) || !slices.Equal(got, []string{"one", "tw"}) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSplitterGoesOnAfterFlush(t *testing.T) {
	var got []string
	s := process.Splitter{Emit: func(line []byte) { got = append(got, string(line)) }}
	for _, text := range []string{"o", "ne\ntw", "o"} {
		if n, err := s.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("Write(%q) returned %d, %v", text, n, err)
		}
	}
	s.Flush()
	s.Flush() // nothing is left
	if _, err := s.Write([]byte("three\n")); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"one", "two", "three"}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzLinesLoseNothing(f *testing.F) {
	f.Add([]byte("one\ntwo"), 4)
	f.Add([]byte("\n😀😀😀\xff\xff\xff\xff\xff\xff\n"), 5)
	f.Add(bytes.Repeat([]byte("0123456789"), 1000), 5000)
	f.Fuzz(func(t *testing.T, text []byte, max int) {
		for kind, reader := range readers(string(text)) {
			got, err := collect(reader, max)
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			if want := bytes.ReplaceAll(text, []byte("\n"), nil); strings.Join(got, "") != string(want) {
				t.Fatalf("%s: got %q of %q", kind, got, text)
			}
			for i, piece := range got {
				if max > 0 && len(piece) > max || strings.Contains(piece, "\n") {
					t.Fatalf("%s: piece %d is %q", kind, i, piece)
				}
				if (max <= 0 || max >= utf8.UTFMax) && utf8.Valid(text) && !utf8.ValidString(piece) {
					t.Fatalf("%s: piece %d cuts a character: %q", kind, i, piece)
				}
			}
		}
	})
}

// readers are readers of text that deliver it in different portions.
func readers(text string) map[string]io.Reader {
	return map[string]io.Reader{
		"at once":       strings.NewReader(text),
		"byte by byte":  iotest.OneByteReader(strings.NewReader(text)),
		"in halves":     iotest.HalfReader(strings.NewReader(text)),
		"end with data": iotest.DataErrReader(strings.NewReader(text)),
	}
}

func collect(r io.Reader, max int) (lines []string, err error) {
	err = process.Lines(r, max, func(line []byte) { lines = append(lines, string(line)) })
	return lines, err
}
