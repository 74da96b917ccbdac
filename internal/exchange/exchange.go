// Package exchange is one request and the place for its response: what the server hands to a pool, a pool to a worker.
// It also says, when there was no response, whether the function may have seen the request. It has no policy.
package exchange

import (
	"context"
	"io"
	"net"
	"time"

	"fwatchdog/internal/life"
)

// Field is a header: a key and a value in bytes. A repeated header is a repeated field.
type Field struct{ Key, Value []byte }

// Exchange is one request and the place for its response. The server owns it and may use it again once the response
// is over: once Do has returned and, where Response.Stream is set, that has been closed.
type Exchange struct {
	Request  Request
	Response Response
	// Waited is how long the request stood in line for a worker, and Worker the one that got it; the pool sets both.
	Waited time.Duration
	Worker life.ID

	woken chan struct{}
}

// Woken is the channel, of capacity 1, on which whoever waits for the exchange is woken: for his place in line by the pool,
// for all else by the worker. He may be woken for nothing, also because of an exchange before this one, so he looks what there is
// to do before he waits. It is the same for as long as x lives, and is made by the first call.
func (x *Exchange) Woken() chan struct{} {
	if x.woken == nil {
		x.woken = make(chan struct{}, 1)
	}
	return x.woken
}

// Wake wakes whoever waits for x, now or the next time.
func (x *Exchange) Wake() {
	select {
	case x.Woken() <- struct{}{}:
	default:
	}
}

// keepFields is the most headers for which room is kept: as many as requests have, and not as many as a client can send.
const keepFields = 128

// keep returns room for the next headers.
func keep(header []Field) []Field {
	if cap(header) > keepFields {
		return nil
	}
	clear(header) // they would hold the connection's buffers
	return header[:0]
}

// Reset forgets both sides and keeps their memory, where that is not large.
func (x *Exchange) Reset() {
	x.Request = Request{Header: keep(x.Request.Header)}
	x.Response.reset()
	x.Waited, x.Worker = 0, life.ID{}
}

// Request is what the client asked. Its slices belong to the server's connection: they are valid until Do has
// returned.
type Request struct {
	// Method and Target are as received.
	Method, Target []byte
	// Header has no hop-by-hop header.
	Header []Field
	// Body is the whole body when Stream is nil.
	Body []byte
	// Length is the length that the client has declared of its body: 0 is no body, -1 unknown.
	Length int
	// Stream, when set, is the body piece by piece. Close makes a Read that waits return at once, with an error.
	// Whoever reads it has stopped reading before the exchange is over.
	Stream io.ReadCloser
	// Timeout is how long the function may take, from the moment a worker gets the request; 0 is no limit.
	Timeout time.Duration
	// CallID names the request in logs.
	CallID []byte
	// Upgrade is the protocol that the client would go over to; empty where it would not, or may not, or where there is a body.
	Upgrade []byte
}

// ReadAll returns the whole body. When ctx ends before, it returns its error; it has stopped reading then, too.
func (r *Request) ReadAll(ctx context.Context) ([]byte, error) {
	if r.Stream == nil {
		return r.Body, nil
	}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = r.Stream.Close() // the Read that waits tells
	})
	body, err := io.ReadAll(r.Stream)
	if !stop() {
		<-closed
		return nil, ctx.Err()
	}
	return body, err
}

// Idempotent reports whether HTTP says that a request with this method does no more when it is made twice.
func (r *Request) Idempotent() bool {
	switch string(r.Method) {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return true
	}
	return false
}

// Response is what the function answered. A worker fills it while Do runs and not afterwards.
type Response struct {
	// Status is a final HTTP status, 200 to 999; 0 until there is one.
	Status int
	// Header is as the function set it; the case of a key says nothing.
	Header []Field
	// Body is the body when Stream is nil, and nothing otherwise.
	Body []byte
	// Stream, when set, is the body piece by piece. Its owner is whoever called Do, and must close it.
	Stream Stream
	// Tunnel, when set, is what the connection has become: the status is 101, and there is no body. Its owner is whoever
	// called Do, and must close it.
	Tunnel Tunnel

	head []byte // what Header's fields are views of
}

// Stream is a body that comes piece by piece. WriteTo writes each piece with one Write as soon as it is there; it
// returns an error when the function did not finish the body. Close says that the rest is not wanted.
type Stream interface {
	io.WriterTo
	io.Closer
}

// Tunnel is a connection to the function that both sides have taken over for another protocol.
type Tunnel interface {
	// Join copies bytes both ways until one side closes, or the context of Do ends. It leaves the client's connection
	// open, of no more use.
	Join(client net.Conn) error
	io.Closer
}

// Pending is an exchange that a worker has begun with.
type Pending interface {
	// Wait returns nil when the response is there, else why there is none. It must be called, once; until it has returned
	// the exchange is the worker's. Who would rather wait on Exchange.Woken is woken when there is something for Wait to do:
	// at once, where that is the work itself.
	Wait() error
}

// Begin records the status, and makes room for headers of about size bytes in all.
func (r *Response) Begin(status, size int) {
	r.reset()
	r.Status = status
	if cap(r.head) < size {
		r.head = make([]byte, 0, size)
	}
}

// Add copies a header.
func (r *Response) Add(key, value []byte) {
	at := len(r.head)
	r.head = append(append(r.head, key...), value...) // Begin has made room: earlier views stay valid
	mid, end := at+len(key), len(r.head)
	r.Header = append(r.Header, Field{Key: r.head[at:mid:mid], Value: r.head[mid:end:end]})
}

func (r *Response) reset() {
	*r = Response{Header: keep(r.Header), Body: r.Body[:0], head: r.head[:0]}
}
