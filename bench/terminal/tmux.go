package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// columns is the width of both panes.
const columns = 92

// pane is one of the two shells, one above the other.
type pane int

const (
	above pane = iota
	below
	panes
)

// rows are the heights of the panes.
var rows = [panes]int{above: 14, below: 11}

// terminal is a tmux server of its own with two sessions of one shell each.
type terminal struct {
	folder  string        // of the session: its hello is where the shells are, its bin is on their PATH
	started time.Time     // the film
	stop    chan struct{} // closed when it was filmed long enough
	filmed  sync.WaitGroup
	screens [panes]recording // film's, until it has ended
	failed  error            // the first command of tmux that failed
}

// recording is what a pane showed, from which moment on.
type recording struct {
	rows   int
	scenes []scene
	length time.Duration
}

type scene struct {
	from time.Duration
	text string // with its escape sequences
}

func open(folder string) (*terminal, error) {
	listener, err := net.Listen("tcp", ":8080")
	if err != nil {
		return nil, fmt.Errorf("the session needs the port: %w", err)
	}
	listener.Close()
	t := &terminal{folder: folder, stop: make(chan struct{})}
	t.filmed.Add(1)
	for p := range panes {
		t.screens[p].rows = rows[p]
		_, err := t.tmux("-f", "/dev/null", "new-session", "-d", "-s", p.name(), "-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows[p]),
			"-c", folder+"/hello", "env", "TMPDIR="+folder, "PATH="+folder+"/bin:"+os.Getenv("PATH"), `PS1=\[\e[32m\]$\[\e[0m\] `, "bash", "--norc", "--noprofile")
		if err != nil {
			return nil, err
		}
		if _, err := t.tmux("set", "-g", "status", "off"); err != nil { // its line would be one of ours
			return nil, err
		}
	}
	return t, nil
}

func (p pane) name() string { return [panes]string{"above", "below"}[p] }

// close ends the shells, and all that was started in them.
func (t *terminal) close() {
	stop := exec.Command(t.folder+"/bin/fwatchdog", "stop")
	stop.Env = append(os.Environ(), "TMPDIR="+t.folder)
	_ = stop.Run() // it may never have begun
	_, _ = t.tmux("kill-server")
}

// tmux runs a command of the session's own server.
func (t *terminal) tmux(words ...string) (string, error) {
	out, err := exec.Command("tmux", append([]string{"-S", t.folder + "/tmux"}, words...)...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("tmux %s: %s", words[0], exit.Stderr)
		}
	}
	return string(out), err
}

// prompts reports whether the pane's shell has said that it is ready.
func (t *terminal) prompts(p pane) bool {
	text, err := t.tmux("capture-pane", "-p", "-t", p.name())
	return err == nil && strings.HasPrefix(text, "$")
}

// enter types a line as people do, and gives it the time to be read.
func (t *terminal) enter(p pane, line string) {
	for _, key := range line {
		t.note(t.tmux("send-keys", "-t", p.name(), "-l", string(key)))
		time.Sleep(35 * time.Millisecond)
	}
	t.pause(1)
	t.note(t.tmux("send-keys", "-t", p.name(), "Enter"))
	t.pause(1)
}

func (t *terminal) note(_ string, err error) {
	if t.failed == nil {
		t.failed = err
	}
}

// film looks at both panes ten times a second, until cut.
func (t *terminal) film() {
	defer t.filmed.Done()
	t.started = time.Now()
	for look := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case <-t.stop:
			return
		case <-look.C:
			for p := range panes {
				t.screens[p].look(t, p)
			}
		}
	}
}

// look adds what the pane shows now, when that is something else.
func (r *recording) look(t *terminal, p pane) {
	text, err := t.tmux("capture-pane", "-e", "-p", "-t", p.name())
	r.length = time.Since(t.started)
	text = strings.TrimRight(text, "\n ")
	if n := len(r.scenes); err == nil && (n == 0 || r.scenes[n-1].text != text) {
		r.scenes = append(r.scenes, scene{r.length, text})
	}
}

// cut ends the film. played is how the session went.
func (t *terminal) cut(played error) ([]recording, error) {
	close(t.stop)
	t.filmed.Wait()
	return t.screens[:], errors.Join(played, t.failed)
}
