package forward

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"

	"fwatchdog/internal/exchange"
)

// upload is a streamed request body on its way to the server, in a goroutine of its own: the answer may begin, and end,
// before the body does.
type upload struct {
	t      *trip
	done   chan struct{}
	sent   bool                  // all of it; read it only after done
	failed atomic.Pointer[error] // what is wrong with the client's body
}

// pieces are what bodies are copied through.
var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

const pieceSize = 32 << 10

func newUpload(t *trip) *upload {
	u := &upload{t: t, done: make(chan struct{})}
	go u.run(t.cn, t.x.Request.Stream)
	return u
}

// run copies the body. A client's failure ends the exchange; a server's is found by whoever reads the response.
func (u *upload) run(cn *conn, from io.Reader) {
	defer close(u.done)
	var err error
	if u.t.length < 0 {
		err = copyChunked(cn, from)
	} else {
		err = u.copyExactly(cn, from)
	}
	u.sent = err == nil
	if failed := new(readError); errors.As(err, &failed) {
		u.failed.Store(&failed.err)
		_ = cn.SetDeadline(past) // whoever waits for the response finds why
	}
}

// copyExactly copies a body whose length the head has told.
func (u *upload) copyExactly(to io.Writer, from io.Reader) error {
	n, err := copyPieces(to, io.LimitReader(from, u.t.length))
	if err == nil && n < u.t.length {
		err = &readError{fmt.Errorf("%w: it ended early", exchange.ErrBody)}
	}
	return err
}

// copyChunked copies a body of unknown length, each piece as one chunk.
func copyChunked(to io.Writer, from io.Reader) error {
	w := bufio.NewWriterSize(to, pieceSize+64)
	chunks := httputil.NewChunkedWriter(w)
	_, err := copyPieces(flushing{chunks, w}, from)
	if err == nil {
		_ = chunks.Close() // its error comes again with the flush
		_, _ = w.WriteString("\r\n")
		err = w.Flush()
	}
	return err
}

// flushing flushes a buffered writer after each piece.
type flushing struct {
	io.Writer
	buffer *bufio.Writer
}

// Write is part of io.Writer.
func (f flushing) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil {
		err = f.buffer.Flush()
	}
	return n, err
}

// readError is an error of the side that is read from.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// copyPieces writes what there is to read with one Write each time. An error in reading is a *readError.
func copyPieces(to io.Writer, from io.Reader) (total int64, err error) {
	piece := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(piece)
	for {
		n, readErr := from.Read(piece[:])
		if n > 0 {
			written, err := to.Write(piece[:n])
			total += int64(written)
			if err != nil {
				return total, err
			}
		}
		switch {
		case readErr == io.EOF:
			return total, nil
		case readErr != nil:
			return total, &readError{readErr}
		}
	}
}

// finished reports whether all of the body was sent.
func (u *upload) finished() bool {
	select {
	case <-u.done:
		return u.sent
	default:
		return false
	}
}

// finishes waits a moment for the end of an upload whose answer is there: the last byte may just have been written.
func (u *upload) finishes() bool {
	select {
	case <-u.done:
	case <-time.After(answerAhead):
	}
	return u.finished()
}

// answerAhead is by how much an answer may overtake the news that its request was sent.
const answerAhead = 5 * time.Millisecond

// stop ends the upload and waits for it: the client's body is not touched any more. A connection that it stopped on is of
// no more use.
func (u *upload) stop() {
	if u.finished() {
		return
	}
	_ = u.t.x.Request.Stream.Close()  // only makes a waiting Read return
	_ = u.t.cn.SetWriteDeadline(past) // a closed connection has nobody who waits
	<-u.done
}
