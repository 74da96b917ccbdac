package fork

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/logging"
	"fwatchdog/internal/process"
)

// classic answers as classic-watchdog: body in, then answer out, whole; stderr is part of it.
func (f *Forks) classic(ctx context.Context, x *exchange.Exchange) error {
	begun := time.Now()
	f.debugHeaders("in", x.Request.Header)
	f.log.Info("process starts", zap.ByteString("call_id", x.Request.CallID), logging.Line("Forking fprocess."))
	input, err := f.input(ctx, &x.Request)
	if err != nil {
		f.debugf("Error=%s, ReadLen=%d", err, len(input))
		return err
	}
	f.debugTarget(x.Request.Target)
	proc, err := f.start(x, f.cfg.Classic.CombineOutput)
	if err != nil {
		return f.refuseClassic(x, err)
	}
	var stderr bytes.Buffer
	r := follow(ctx, proc, x.Request.Timeout, input, nil, func(from io.Reader) {
		_, _ = stderr.ReadFrom(exchange.Within(from, f.cfg.MaxAnswer)) // what could not be read is missing in the log
		_, _ = io.Copy(io.Discard, from)                               // as is what is too much
	})
	out, err := f.collect(r)
	if stderr.Len() > 0 {
		f.log.Info("process wrote to stderr", zap.ByteString("call_id", x.Request.CallID), zap.String("stderr", stderr.String()),
			logging.Line("stderr: %s", strings.TrimSuffix(stderr.String(), "\n")))
	}
	if err != nil {
		return err
	}
	f.answerClassic(x, r, out, time.Since(begun))
	return nil
}

// input is what the process reads.
func (f *Forks) input(ctx context.Context, r *exchange.Request) ([]byte, error) {
	body, err := r.ReadAll(ctx)
	if err != nil || !f.cfg.Classic.MarshalRequest {
		return body, err
	}
	return marshal(r.Header, body)
}

// marshal is header and body as a JSON object.
func marshal(header []exchange.Field, body []byte) ([]byte, error) {
	var object struct {
		Header http.Header `json:"header"`
		Body   struct {
			Raw []byte `json:"raw"`
		} `json:"body"`
	}
	object.Header = headerOf(header)
	object.Body.Raw = append([]byte{}, body...) // never null
	return json.Marshal(object)
}

// headerOf is a header as net/http has it, without Host.
func headerOf(fields []exchange.Field) http.Header {
	header := http.Header{}
	for _, field := range fields {
		if key := textproto.CanonicalMIMEHeaderKey(string(field.Key)); key != "Host" {
			header[key] = append(header[key], string(field.Value))
		}
	}
	return header
}

// refuseClassic is refuse with classic-watchdog's form of an error.
func (f *Forks) refuseClassic(x *exchange.Exchange, err error) error {
	if err := f.refuse(x, err); err != nil {
		return err
	}
	f.debugf("Success=%t, Error=%s", false, err)
	fillText(&x.Response, http.StatusInternalServerError, plainText, err.Error()+"\n")
	return nil
}

// answerClassic makes the answer of a process that has ended.
func (f *Forks) answerClassic(x *exchange.Exchange, r *run, out []byte, took time.Duration) {
	failure := r.exit.Failure()
	if failure != "" {
		f.debugf("Success=%t, Error=%s", false, failure)
		f.debugf("Out=%s", out)
	}
	switch {
	case failure != "" && errors.Is(r.cut, exchange.ErrDeadline):
		f.log.Warn("process killed", zap.ByteString("call_id", x.Request.CallID), zap.Duration("exec_timeout", x.Request.Timeout),
			logging.Line("Killing process: %s", f.cfg.Fprocess))
		fillText(&x.Response, http.StatusRequestTimeout, plainText, "Killed process.\n")
	case failure != "":
		f.logFailureClassic(x, r.exit)
		fill(&x.Response, http.StatusInternalServerError, plainText, append([]byte(failure+"\n"), out...))
	default:
		f.succeed(x, out, took)
	}
}

// logFailureClassic tells the log of a process that failed; classic-watchdog has no line for it.
func (f *Forks) logFailureClassic(x *exchange.Exchange, exit process.Exit) {
	f.log.Debug("process failed", zap.ByteString("call_id", x.Request.CallID), zap.Stringer("exit", exit))
}

// succeed makes the answer of a process that did its work.
func (f *Forks) succeed(x *exchange.Exchange, out []byte, took time.Duration) {
	kind := f.cfg.ContentType
	if kind == "" {
		kind = headerOf(x.Request.Header).Get("Content-Type")
	}
	if kind == "" && len(out) > 0 {
		kind = http.DetectContentType(out)
	}
	fill(&x.Response, http.StatusOK, kind, out)
	line := logging.Line("Wrote %d Bytes - Duration: %fs", len(out), took.Seconds())
	if f.cfg.Classic.WriteDebug {
		_, _ = f.cfg.Classic.Stdout.Write(out) // nobody reads our stdout: nothing to be done
		line = logging.Line("Duration: %fs", took.Seconds())
	}
	f.debugHeaders("out", append(x.Response.Header[:len(x.Response.Header):len(x.Response.Header)],
		exchange.Field{Key: []byte("X-Duration-Seconds"), Value: fmt.Appendf(nil, "%f", took.Seconds())}))
	f.log.Info("process answered", zap.ByteString("call_id", x.Request.CallID), zap.Int("bytes", len(out)), zap.Duration("took", took), line)
}

// debugf writes a line to the log when write_debug asks for it.
func (f *Forks) debugf(format string, args ...any) {
	if f.cfg.Classic.WriteDebug {
		f.log.Info("debug", zap.String("text", fmt.Sprintf(format, args...)), logging.Line(format, args...))
	}
}

// debugTarget writes query and path to the log when write_debug asks for it. They stand in the environment, too.
func (f *Forks) debugTarget(target []byte) {
	if at, err := url.ParseRequestURI(string(target)); err == nil && f.cfg.Classic.CGIHeaders {
		f.debugf("Query  %s", at.RawQuery)
		f.debugf("Path  %s", at.Path)
	}
}

// debugHeaders writes a header to stdout when debug_headers asks for it.
func (f *Forks) debugHeaders(direction string, fields []exchange.Field) {
	if !f.cfg.Classic.DebugHeaders {
		return
	}
	for key, values := range headerOf(fields) {
		fmt.Fprintf(f.cfg.Classic.Stdout, "[%s] %s=%s\n", direction, key, values)
	}
}
