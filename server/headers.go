package server

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"fwatchdog/internal/exchange"
)

// The keys of headers that are ours to write, in bytes once and for all. Nobody changes them.
var (
	callIDKey   = []byte(headerCallID)
	durationKey = []byte(headerDuration)
)

// callIDName is X-Call-Id, as is wants it.
const callIDName = "x-call-id"

const (
	headerCallID      = "X-Call-Id"
	headerReloadError = "X-Fwatchdog-Reload-Error"
	headerDuration    = "X-Duration-Seconds"
	headerAuth        = "X-Auth-Seconds"
)

// hopByHop reports whether a header concerns one connection only by its name (RFC 9110 section 7.6.1). Expect is answered here, so
// it goes no further either.
func hopByHop(key []byte) bool {
	switch len(key) {
	case 2, 6, 7, 10, 16, 17, 18, 19:
		for _, name := range connectionHeaders {
			if len(name) == len(key) && strings.EqualFold(name, string(key)) {
				return true
			}
		}
	}
	return false
}

var connectionHeaders = []string{"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding",
	"Upgrade", "Expect", "Proxy-Authenticate", "Proxy-Authorization"}

// tokens is the value of Connection: a list of names, divided by commas, on one line or on several.
type tokens struct {
	first, more []byte // of the first line, and of the others
	set         map[string]struct{}
}

// shortList is how long a list may be that is looked through for each header, in bytes: who sends it decides how long it is, and
// how many headers there are.
const shortList = 256

// add adds a line. The first is kept as it is.
func (t *tokens) add(line []byte) {
	if t.first == nil {
		t.first = line
		return
	}
	t.more = append(append(t.more, ','), line...)
}

// has reports whether the list has this token. All lines have been added.
func (t *tokens) has(token []byte) bool {
	if len(t.first)+len(t.more) <= shortList {
		return contains(t.first, token) || contains(t.more, token)
	}
	if t.set == nil {
		t.set = map[string]struct{}{}
		for _, lines := range [][]byte{t.first, t.more} {
			for part := range bytes.SplitSeq(lines, []byte{','}) {
				t.set[strings.ToLower(string(bytes.TrimSpace(part)))] = struct{}{}
			}
		}
	}
	_, found := t.set[strings.ToLower(string(token))]
	return found
}

// contains reports whether a list of tokens, divided by commas, has this one.
func contains(list, token []byte) bool {
	if len(list) == 0 {
		return false
	}
	for part := range bytes.SplitSeq(list, []byte{','}) {
		if bytes.EqualFold(bytes.TrimSpace(part), token) {
			return true
		}
	}
	return false
}

// connectionOf returns the value of Connection in a response.
func connectionOf(header []exchange.Field) (list tokens) {
	for _, f := range header {
		if is(f.Key, "connection") {
			list.add(f.Value)
		}
	}
	return list
}

// peek returns the value of the first header of this name, which is in lower case. Fasthttp's own Peek finds only one that is
// written like its argument, since names are passed on as they came.
func peek(h *fasthttp.RequestHeader, name string) []byte {
	unfold(h.RawHeaders())
	for key, value := range h.AllInOrder() {
		if is(key, name) {
			return value
		}
	}
	return nil
}

// unfold makes one line of headers that go on on the next (RFC 9112 section 5.2). Fasthttp does it in place, each time that it goes
// through the headers, and so would add the end of the value once more.
func unfold(raw []byte) {
	for i := 0; ; i++ {
		next := bytes.IndexByte(raw[i:], '\n')
		if i += next; next < 0 || i+1 >= len(raw) {
			return
		}
		if raw[i+1] != ' ' && raw[i+1] != '\t' {
			continue
		}
		raw[i] = ' '
		if i > 0 && raw[i-1] == '\r' {
			raw[i-1] = ' '
		}
	}
}

// hasBody reports whether the request has a body, be it empty where its length is not declared.
func hasBody(h *fasthttp.RequestHeader) bool {
	length := h.ContentLength()
	return length > 0 || length == -1
}

// showExpect lets fasthttp see the Expect of a request with a body, however that is written.
func showExpect(h *fasthttp.RequestHeader) (unchanged fasthttp.RequestConfig) {
	if hasBody(h) {
		if value := peek(h, "expect"); len(value) > 0 {
			h.SetBytesV(fasthttp.HeaderExpect, value)
		}
	}
	return unchanged
}

// isOurs reports whether a response header is the server's to say, and not the function's.
func (s *Server) isOurs(key []byte) bool {
	if s.cfg.Profile.PassCallID { // an OpenFaaS mode
		return false
	}
	return is(key, callIDName) || is(key, "x-duration-seconds") || is(key, "x-openfaas-internal") || is(key, "x-fwatchdog-reason")
}

// is reports whether a header has this name, which is in lower case.
func is(key []byte, name string) bool {
	return len(key) == len(name) && (string(key) == name || strings.EqualFold(name, string(key)))
}

// validField reports whether a header can be sent: a value with a line break in it would become more headers.
func validField(f exchange.Field) bool {
	return isToken(f.Key) && !bytes.ContainsAny(f.Value, "\r\n\x00")
}

// tokenBytes are those that the name of a header may have (RFC 9110 section 5.6.2).
var tokenBytes = func() (table [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		table[c] = true
	}
	return table
}()

func isToken(key []byte) bool {
	for _, c := range key {
		if !tokenBytes[c] {
			return false
		}
	}
	return len(key) > 0
}

// methods are those that HTTP defines, as the metric's label has them.
var methods = map[string]string{"GET": "get", "POST": "post", "PUT": "put", "PATCH": "patch", "DELETE": "delete",
	"HEAD": "head", "OPTIONS": "options", "CONNECT": "connect", "TRACE": "trace"}

// methodLabel is a method as the metric's label has it: a client cannot make new ones.
func methodLabel(method []byte) string {
	if label, ok := methods[string(method)]; ok {
		return label
	}
	return "unknown"
}

// newCallID writes a random UUID (RFC 9562, version 4) into buf.
func newCallID(buf *[36]byte) []byte {
	var id [16]byte
	binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	hex.Encode(buf[:8], id[:4])
	hex.Encode(buf[9:13], id[4:6])
	hex.Encode(buf[14:18], id[6:8])
	hex.Encode(buf[19:23], id[8:10])
	hex.Encode(buf[24:], id[10:])
	buf[8], buf[13], buf[18], buf[23] = '-', '-', '-', '-'
	return buf[:]
}

// appendSeconds appends a duration in seconds, with six decimals.
func appendSeconds(dst []byte, d time.Duration) []byte {
	micros := (d + time.Microsecond/2) / time.Microsecond
	dst = strconv.AppendInt(dst, int64(micros/1e6), 10)
	decimals := int64(micros%1e6) + 1e6 // its first digit keeps the zeros behind it
	dst = strconv.AppendInt(dst, decimals, 10)
	dst[len(dst)-7] = '.'
	return dst
}
