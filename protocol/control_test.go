package protocol

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTextIsCutAtACharacterBorder(t *testing.T) {
	tests := []struct {
		name, text string
		limit      int
		want       string
	}{
		{"it fits", "abc", 3, "abc"},
		{"ASCII", "abcd", 3, "abc"},
		{"inside two bytes", "abé", 3, "ab"},
		{"behind two bytes", "abéx", 4, "abé"},
		{"inside four bytes, after one", "abc😀", 4, "abc"},
		{"inside four bytes, after two", "abc😀", 5, "abc"},
		{"inside four bytes, after three", "abc😀", 6, "abc"},
		{"behind four bytes", "abc😀x", 7, "abc😀"},
		{"no UTF-8 at all", strings.Repeat("\x80", 20), 10, strings.Repeat("\x80", 10)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := cutText(tt.text, tt.limit); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLongLogBecomesSeveralFramesOfWholeCharacters(t *testing.T) {
	text := "x" + strings.Repeat("é", 3*MaxSharedPayload)
	r := NewReader(bytes.NewReader(AppendLog(nil, 7, LevelWarn, text, MaxSharedPayload)), Worker, MaxSharedPayload)
	var got strings.Builder
	frames := 0
	for {
		h, payload, err := r.Next()
		if err != nil {
			break
		}
		frames++
		level, piece, err := ParseLog(payload)
		if err != nil || level != LevelWarn || h.Stream != 7 || !utf8.Valid(piece) {
			t.Errorf("frame %d: %v at level %d, %v", frames, h, level, err)
		}
		got.Write(piece)
	}
	if got.String() != text || frames != 7 {
		t.Errorf("%d bytes in %d frames, want %d in 7", got.Len(), frames, len(text))
	}
}

func TestLongErrorKeepsItsFirstLineAndFitsTheFrame(t *testing.T) {
	text := "boom\n" + strings.Repeat("é", MaxPayload)
	for _, limit := range []int{MaxSharedPayload, MaxPayload} {
		wire := AppendError(nil, 3, CodeRaised, text, limit)
		h, payload, err := NewReader(bytes.NewReader(wire), Worker, limit).Next()
		if err != nil {
			t.Fatal(err)
		}
		code, got, err := ParseError(payload)
		if err != nil || code != CodeRaised || !h.End || !utf8.Valid(got) || !strings.HasPrefix(text, string(got)) {
			t.Errorf("limit %d: %v, code %d, %v", limit, h, code, err)
		}
		if h.Length < limit-1 {
			t.Errorf("limit %d: cut to %d bytes, more than a character too short", limit, h.Length)
		}
	}
}

func TestLongGoAwayFitsEveryWorkersFrame(t *testing.T) {
	wire := AppendGoAway(nil, strings.Repeat("x", MaxPayload))
	if h, _, err := NewReader(bytes.NewReader(wire), Worker, MaxSharedPayload).Next(); err != nil || h.Length != MaxSharedPayload {
		t.Errorf("got %v, %v", h, err)
	}
}

func TestErrorOfTheWorkerItselfHasNoEnd(t *testing.T) {
	for stream, want := range map[uint32]bool{0: false, 1: true} {
		h, _, err := NewReader(bytes.NewReader(AppendError(nil, stream, CodeInit, "", MaxPayload)), Worker, MaxPayload).Next()
		if err != nil || h.End != want {
			t.Errorf("stream %d: got %v, %v, want END %v", stream, h, err, want)
		}
	}
}
