package protocol

import (
	"bytes"
	"io"
)

// Reader cuts a pipe into frames. It reads ahead, so that many small frames cost one read. It is for one goroutine.
type Reader struct {
	// Stray, when set, is given all that stands between frames and is no frame: what user code printed on a shared
	// pipe. The slice is valid until it returns. When Stray is nil such text is a violation.
	Stray func(text []byte)

	src   io.Reader
	from  Peer
	limit int
	buf   []byte
	at    int // the first byte that is not consumed
	end   int // behind the last byte that was read

	offset int64  // of buf[0] in the pipe
	start  int    // in buf, of the frame that was returned last, or of the one that is being read
	last   Header // of the last good frame
	now    Header // of the frame that was returned last: good once Next is called again
}

// readerSize holds two frames of the largest size: behind the beginning of one there is room for all that a pipe usually
// holds, so that it does not take two reads.
const readerSize = 2 * (HeaderSize + MaxPayload)

// NewReader returns a Reader of what from writes on src. limit is the largest payload that it may send, at most
// MaxPayload; Limit changes it.
func NewReader(src io.Reader, from Peer, limit int) *Reader {
	return &Reader{src: src, from: from, limit: limit, buf: make([]byte, readerSize)}
}

// Limit changes the largest payload that may follow, once HELLO has told.
func (r *Reader) Limit(payload int) { r.limit = payload }

// Next returns the next frame of a known type. The payload is valid until Next is called again. At the end of the pipe
// the error is io.EOF between frames and io.ErrUnexpectedEOF inside one; what cannot be a frame is a *Violation, after
// which Next must not be called again.
func (r *Reader) Next() (Header, []byte, error) {
	r.last = r.now
	for {
		r.start = r.at
		if err := r.findStart(); err != nil {
			return Header{}, nil, err
		}
		if err := r.fill(HeaderSize); err != nil {
			return Header{}, nil, err
		}
		h, err := parseHeader(r.buf[r.at:r.end], r.from, r.limit)
		if err != nil {
			return Header{}, nil, r.Violation(err)
		}
		if err := r.fill(HeaderSize + h.Length); err != nil {
			return Header{}, nil, err
		}
		r.at += HeaderSize + h.Length
		if !h.Type.known() {
			continue // a later version's, below 16
		}
		r.now = h
		return h, r.buf[r.start+HeaderSize : r.at : r.at], nil
	}
}

// Buffered reports whether more bytes have been read than were returned: whether Next may return without reading.
func (r *Reader) Buffered() bool { return r.end > r.at }

// Violation describes err as an error of the frame that Next returned last, or was about to return.
func (r *Reader) Violation(err error) *Violation {
	return &Violation{
		Err:    err,
		Offset: r.offset + int64(r.start),
		Last:   r.last,
		Dump:   bytes.Clone(r.buf[r.start:min(r.end, r.start+dumpSize)]),
	}
}

// findStart consumes what stands before the next frame, and looks no further than the two bytes that begin it: text that
// looks like the start of a frame is found out without waiting for a whole header of it.
func (r *Reader) findStart() error {
	for {
		if err := r.fill(1); err != nil {
			return err
		}
		text := r.buf[r.at:r.end]
		n := bytes.IndexByte(text, magic0)
		if n < 0 {
			n = len(text)
		}
		if n == 0 {
			break
		}
		if r.Stray == nil {
			return r.Violation(ErrMagic)
		}
		r.Stray(text[:n])
		r.at += n
		r.start = r.at
	}
	if err := r.fill(2); err != nil {
		return err
	}
	if r.buf[r.at+1] != magic1 {
		return r.Violation(ErrMagic)
	}
	return nil
}

// fill reads until n bytes are there. It may move them to the front of buf.
func (r *Reader) fill(n int) error {
	if r.end-r.at >= n {
		return nil
	}
	if r.at > 0 && (r.at == r.end || r.at+n > len(r.buf)) {
		r.offset += int64(r.at)
		r.end = copy(r.buf, r.buf[r.at:r.end])
		r.at, r.start = 0, 0
	}
	for r.end-r.at < n {
		got, err := r.src.Read(r.buf[r.end:])
		r.end += got
		if err == nil || r.end-r.at >= n {
			continue // an error beside enough bytes comes again with the next read
		}
		if err == io.EOF && r.end > r.at {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}
