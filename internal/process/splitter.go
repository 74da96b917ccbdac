package process

import (
	"bytes"
	"unicode/utf8"
)

// Splitter cuts what is written to it into lines. It keeps at most one unfinished line, of at most Max bytes. It is for
// one goroutine.
type Splitter struct {
	// Max is the longest line in bytes; what is longer is emitted in pieces, cut at a UTF-8 border where there is one.
	// 0 is no limit.
	Max int
	// Emit is given each line without its newline; the slice is valid until it returns.
	Emit func(line []byte)

	rest []byte
}

// Write takes more text. It never fails.
func (s *Splitter) Write(text []byte) (int, error) {
	n := len(text)
	for {
		line, after, ended := bytes.Cut(text, []byte{'\n'})
		if len(s.rest) > 0 {
			s.rest = append(s.rest, line...)
			line = s.rest
		}
		line = s.emitFull(line)
		if !ended {
			if len(line) != len(s.rest) { // else it is the rest, and a long line in small portions is not copied each time
				s.rest = append(s.rest[:0], line...)
			}
			return n, nil
		}
		s.Emit(line)
		s.rest = s.rest[:0]
		text = after
	}
}

// Flush emits a last line that had no newline.
func (s *Splitter) Flush() {
	if len(s.rest) > 0 {
		s.Emit(s.rest)
		s.rest = s.rest[:0]
	}
}

// emitFull emits pieces of a line that is too long, and returns what is left of it.
func (s *Splitter) emitFull(line []byte) []byte {
	for s.Max > 0 && len(line) > s.Max {
		cut := border(line, s.Max)
		s.Emit(line[:cut])
		line = line[cut:]
	}
	return line
}

// border is the last place up to limit at which text can be cut without cutting a character.
func border(text []byte, limit int) int {
	for cut := limit; cut > 0 && cut > limit-utf8.UTFMax; cut-- {
		if utf8.RuneStart(text[cut]) {
			return cut
		}
	}
	return limit
}
