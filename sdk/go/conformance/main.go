// Command conformance is the conformance function of the Go SDK: the routes of sdk/CONFORMANCE.md, one function each.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	fwatchdog "fwatchdog/sdk/go"
)

func main() {
	if os.Getenv("CONFORMANCE_NOISE") != "" {
		fmt.Println("printed at import") // before Serve, so on the pipe itself
	}
	os.Exit(fwatchdog.Serve(handle, fwatchdog.Init(connect)))
}

func connect() error {
	if os.Getenv("CONFORMANCE_INIT_ERROR") != "" {
		return errors.New("no database")
	}
	return nil
}

func handle(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	if route, ok := routes[r.Path]; ok {
		return route(w, r)
	}
	w.WriteHeader(404)
	return say(w, "no such route")
}

var routes = map[string]fwatchdog.Handler{
	"/echo":             echo,
	"/stream-echo":      streamEcho,
	"/size":             size,
	"/slow-size":        size,
	"/ignore":           func(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error { return say(w, "ignored") },
	"/bytes":            wholeBytes,
	"/stream":           streamBytes,
	"/events":           events,
	"/sleep":            sleep,
	"/wait":             wait,
	"/deadline":         deadline,
	"/headers":          headers,
	"/cookies":          cookies,
	"/status":           status,
	"/head":             head,
	"/print":            printed,
	"/print-subprocess": printedBySubprocess,
	"/print-raw":        printedRaw,
	"/throw":            func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error { panic("boom") },
	"/throw-long":       throwLong,
	"/throw-late":       throwLate,
	"/exit":             exit,
	"/log":              logAll,
	"/log-long":         logLong,
}

func say(w *fwatchdog.ResponseWriter, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

// number returns a number of the query, 0 when it is not there.
func number(r *fwatchdog.Request, name string) int {
	n, _ := strconv.Atoi(r.Query().Get(name)) // the suite sends numbers only
	return n
}

func milliseconds(r *fwatchdog.Request) time.Duration {
	return time.Duration(number(r, "ms")) * time.Millisecond
}

func echo(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	w.SetHeader("x-method", r.Method)
	w.SetHeader("x-target", r.Target)
	if t := r.Headers.Get("content-type"); t != "" {
		w.SetHeader("content-type", t)
	}
	_, err = w.Write(body)
	return err
}

func streamEcho(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	if err := w.Flush(); err != nil {
		return err
	}
	return eachPiece(r, func(piece []byte) error {
		if _, err := w.Write(piece); err != nil {
			return err
		}
		return w.Flush()
	})
}

// eachPiece reads the body piece by piece. /slow-size waits before each read.
func eachPiece(r *fwatchdog.Request, use func(piece []byte) error) error {
	pause := milliseconds(r)
	for b := make([]byte, 32<<10); ; {
		time.Sleep(pause)
		n, err := r.Body.Read(b)
		if err == io.EOF {
			return nil
		}
		if err := cmp.Or(err, use(b[:n])); err != nil {
			return err
		}
	}
}

func size(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	total := 0
	err := eachPiece(r, func(piece []byte) error {
		total += len(piece)
		return nil
	})
	if err != nil {
		return err
	}
	return say(w, strconv.Itoa(total))
}

// pattern returns n bytes, byte i being i mod 251.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

func wholeBytes(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	_, err := w.Write(pattern(number(r, "n")))
	return err
}

func streamBytes(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	piece := max(1, number(r, "piece"))
	for rest := pattern(number(r, "n")); len(rest) > 0; {
		n := min(piece, len(rest))
		if _, err := w.Write(rest[:n]); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return w.Flush() // a stream, even if of nothing
}

func events(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	for i := range number(r, "n") {
		if i > 0 {
			time.Sleep(milliseconds(r))
		}
		if err := say(w, fmt.Sprintf("event %d\n", i)); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func sleep(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	time.Sleep(milliseconds(r))
	return say(w, "slept")
}

func wait(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	<-r.Context().Done()
	r.Log(fwatchdog.Info, "cancelled")
	return say(w, "cancelled")
}

func deadline(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	if t, ok := r.Deadline(); ok {
		return say(w, strconv.FormatInt(time.Until(t).Milliseconds(), 10))
	}
	return say(w, "none")
}

func headers(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	for name, value := range r.Headers.All() {
		if err := say(w, name+": "+value+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func cookies(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
	w.AddHeader("set-cookie", "a=1")
	w.AddHeader("set-cookie", "b=2")
	w.AddHeader("x-empty", "")
	return nil
}

func status(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	w.WriteHeader(number(r, "code"))
	return nil
}

func head(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	w.SetHeader("x-big", strings.Repeat("a", number(r, "n")))
	return nil
}

func printed(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
	fmt.Println("printed by the handler")
	return say(w, "printed")
}

func printedBySubprocess(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
	command := exec.Command("echo", "printed by a subprocess")
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		return err
	}
	return say(w, "printed")
}

func printedRaw(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
	if _, err := syscall.Write(1, []byte("printed raw\n")); err != nil {
		return err
	}
	return say(w, "printed")
}

func throwLong(_ *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	return errors.New("boom\n" + strings.Repeat("é", number(r, "n")))
}

func throwLate(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
	if err := say(w, "start"); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return errors.New("boom")
}

func exit(_ *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	os.Exit(number(r, "code"))
	return nil
}

func logAll(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	text := r.Query().Get("text")
	for _, level := range []fwatchdog.Level{fwatchdog.Debug, fwatchdog.Info, fwatchdog.Warn, fwatchdog.Error} {
		r.Log(level, text)
	}
	return say(w, "logged")
}

func logLong(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	r.Log(fwatchdog.Info, strings.Repeat("x", number(r, "n")))
	return say(w, "logged")
}
