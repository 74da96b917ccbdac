package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/pprof/profile"

	"fwatchdog/bench/systems"
)

// margin is by how many seconds the profile is longer than the load, so that all of the load is in it.
const margin = 2

// recording is a load, what came of it, and where the process was found meanwhile.
type recording struct {
	function string
	load     systems.Load
	result   systems.Result
	stacks   []stack
}

// record loads fwatchdog before a function. The profile begins before the load and ends behind it: what it finds is all
// that /proc says of the time between, and as many requests as the load counts.
func record(ctx context.Context, root, function string, load systems.Load) (recording, error) {
	found := recording{function: function, load: load}
	r, err := systems.Start(ctx, function, root, "debug=true")
	if err != nil {
		return found, err
	}
	defer r.Stop()
	warm := load
	warm.Seconds = max(2, load.Seconds)
	if _, err := warm.Run(ctx, r); err != nil {
		return found, err
	}
	p := startProfile(ctx, fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/", r.Free), load.Seconds+margin)
	defer p.stop()
	if err := p.awaitBegin(ctx); err != nil {
		return found, err
	}
	if found.result, err = load.Run(ctx, r); err != nil {
		return found, err
	}
	if p.ended() {
		return found, errors.Join(errors.New("the profile ended before the load did"), p.err)
	}
	found.stacks, err = p.stacks()
	return found, err
}

// profiling is a profile that is being taken.
type profiling struct {
	url  string
	stop context.CancelFunc // gives it up
	done chan struct{}
	data []byte // read it, and err, after done only
	err  error
}

// startProfile asks for a profile of so many seconds, at the pprof pages under url. Its goroutine ends with the profile.
func startProfile(ctx context.Context, url string, seconds int) *profiling {
	ctx, cancel := context.WithCancel(ctx)
	p := &profiling{url: url, done: make(chan struct{})}
	p.stop = func() { cancel(); <-p.done }
	go func() {
		defer close(p.done)
		p.data, p.err = get(ctx, fmt.Sprintf("%sprofile?seconds=%d", url, seconds))
	}()
	return p
}

// awaitBegin returns when the process is being profiled, which a goroutine of it shows.
func (p *profiling) awaitBegin(ctx context.Context) error {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if p.ended() {
			return fmt.Errorf("take a profile: %w", p.err)
		}
		goroutines, err := get(ctx, p.url+"goroutine?debug=1")
		if err != nil {
			return err
		}
		if bytes.Contains(goroutines, []byte("runtime/pprof.profileWriter")) {
			return nil
		}
	}
	return errors.New("the profile does not begin")
}

func (p *profiling) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stacks waits for the end of the profile.
func (p *profiling) stacks() ([]stack, error) {
	<-p.done
	if p.err != nil {
		return nil, fmt.Errorf("take a profile: %w", p.err)
	}
	parsed, err := profile.ParseData(p.data)
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	return stacksOf(parsed)
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d: %.200s", url, resp.StatusCode, data)
	}
	return data, err
}
