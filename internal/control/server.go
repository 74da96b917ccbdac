// Package control lets commands speak with a running instance: JSON over HTTP on a unix socket that only its own user may
// open. Server is the instance's side, Client the commands'. It has no state of its own.
//
//	GET  /status  the State of package report
//	POST /reload  replaces all workers; answers when that is over
//	POST /scale   {"workers":3} keeps so many workers, {"auto":true} as many as the settings say
//	POST /stop    begins to drain
//
// What was refused is {"error":"why"} with a status of 400 or more.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"fwatchdog/internal/report"
	"fwatchdog/pool"
)

// Instance is what can be asked and told.
type Instance interface {
	State() report.State
	// Reload replaces all workers by new ones and returns when that is over. When these cannot be started the present
	// ones serve on.
	Reload(ctx context.Context) (pool.ReloadResult, error)
	// Scale keeps n workers from now on, and returns how many are kept. ScaleAuto keeps as many as the settings say.
	Scale(n int) (int, error)
	ScaleAuto() (int, error)
	// Stop begins to drain, as SIGTERM does.
	Stop()
}

// MaxPath is the longest path of a socket in bytes: what fits the kernel's sockaddr_un with a zero behind it.
const MaxPath = 107

// Listen makes the socket at path, in place of one that an ended instance left. It is an error when another instance
// listens there.
func Listen(path string) (net.Listener, error) {
	if conn, err := net.Dial("unix", path); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("control socket %s: another instance listens there: set control_socket or TMPDIR", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("control socket %s: there is something else of that name: set control_socket", path)
	}
	// The socket comes into being in a folder that nobody else may enter, since it gets its mode only afterwards.
	private, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	defer os.RemoveAll(private)
	hidden := filepath.Join(private, "s")
	if len(path) > MaxPath || len(hidden) > MaxPath {
		return nil, fmt.Errorf("control socket %s: the path is too long for a socket, over %d bytes: set control_socket", path, MaxPath)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden})
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false) // it will have another name
	if err := errors.Join(os.Chmod(hidden, 0o600), os.Rename(hidden, path)); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	return l, nil
}

// Serve answers on the listener until ctx ends, then removes the socket at path. Whoever waits for a reload then is told
// that there will be none.
func Serve(ctx context.Context, l net.Listener, path string, instance Instance) error {
	srv := &http.Server{Handler: handler(ctx, instance), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("control socket: %w", err)
	case <-ctx.Done():
	}
	_ = os.Remove(path) // somebody may have removed it
	grace, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if srv.Shutdown(grace) != nil {
		_ = srv.Close() // whoever is left has waited long enough
	}
	<-served
	return nil
}

// scaleRequest is the body of POST /scale, and its answer.
type scaleRequest struct {
	Workers int  `json:"workers"`
	Auto    bool `json:"auto,omitempty"`
}

// of does with the instance what was asked.
func (r scaleRequest) of(instance Instance) (int, error) {
	if r.Auto {
		return instance.ScaleAuto()
	}
	return instance.Scale(r.Workers)
}

// failure is the body of every refusal.
type failure struct {
	Error string `json:"error"`
}

func handler(ctx context.Context, instance Instance) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, instance.State())
	})
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		reload, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		result, err := instance.Reload(reload)
		if err != nil {
			answer(w, http.StatusConflict, failure{err.Error()})
			return
		}
		answer(w, http.StatusOK, result)
	})
	mux.HandleFunc("POST /scale", func(w http.ResponseWriter, r *http.Request) {
		var wish scaleRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&wish); err != nil {
			answer(w, http.StatusBadRequest, failure{"the body must be {\"workers\":N} or {\"auto\":true}: " + err.Error()})
			return
		}
		n, err := wish.of(instance)
		if err != nil {
			answer(w, http.StatusConflict, failure{err.Error()})
			return
		}
		answer(w, http.StatusOK, scaleRequest{Workers: n, Auto: wish.Auto})
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, r *http.Request) {
		instance.Stop()
		answer(w, http.StatusAccepted, struct{}{})
	})
	return mux
}

func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // a client that has gone wants no answer
}
