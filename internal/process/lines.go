package process

import "io"

// readSize is how many bytes Lines reads at once.
const readSize = 4096

// Lines reads r to its end and emits its lines, without the newline, in order. A line longer than max bytes is emitted in
// pieces, as Splitter does it, so no line ends the reading. What follows the last newline is a line too, unless it is
// empty. A line is valid until emit returns. The error is the reader's; it is nil at the end of r.
func Lines(r io.Reader, max int, emit func(line []byte)) error {
	s := Splitter{Max: max, Emit: emit}
	reader := struct{ io.Reader }{r} // hides the WriteTo of a file, which would bring a buffer of its own
	_, err := io.CopyBuffer(&s, reader, make([]byte, readSize))
	s.Flush()
	return err
}
