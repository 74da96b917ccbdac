// Package static answers requests with files: mode static. It runs no process.
package static

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"

	"fwatchdog/internal/exchange"
)

// Files answers with the files below a folder, as net/http's FileServer has them: folders are listed unless they have an
// index.html, ranges and If-Modified-Since are honoured.
type Files struct{ handler http.Handler }

// New returns the files below folder.
func New(folder string) *Files { return &Files{http.FileServer(plain(folder))} }

// plain is the files and folders below a folder: whoever opens a named pipe, or a device, may wait for ever.
type plain string

// Open is part of http.FileSystem.
func (p plain) Open(name string) (http.File, error) {
	info, err := os.Stat(filepath.Join(string(p), filepath.FromSlash(path.Clean("/"+name))))
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	return http.Dir(p).Open(name)
}

// Do answers x. What is larger than one piece is streamed.
func (f *Files) Do(ctx context.Context, x *exchange.Exchange) error {
	r, err := request(ctx, &x.Request)
	if err != nil {
		return err
	}
	w := newWriter(r.Method == http.MethodHead)
	go w.run(f.handler, r)
	return w.fill(ctx, &x.Response)
}

// request is what the handler needs of a request. Nothing of it is the server's memory: a handler may outlive Do.
func request(ctx context.Context, from *exchange.Request) (*http.Request, error) {
	target := string(from.Target)
	at, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, &exchange.RefusedError{Refusal: exchange.BadRequest, Text: fmt.Sprintf("the target %q is not valid", target)}
	}
	r := &http.Request{Method: string(from.Method), URL: at, RequestURI: target, Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody}
	for _, f := range from.Header {
		if bytes.EqualFold(f.Key, []byte("host")) {
			r.Host = string(f.Value)
			continue
		}
		r.Header.Add(string(f.Key), string(f.Value))
	}
	return r.WithContext(ctx), nil
}
