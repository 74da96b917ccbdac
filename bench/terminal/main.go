// Command terminal records a short session with fwatchdog in a terminal, as it really happens, and draws it as an SVG that
// plays it: `make recording`. It wants tmux, node, curl, and port 8080.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "terminal:", err)
		os.Exit(1)
	}
}

func run() error {
	root := flag.String("root", "..", "the repository")
	picture := flag.String("svg", "../docs/terminal.svg", "the recording")
	flag.Parse()
	folder, err := os.MkdirTemp("", "recording")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := prepare(*root, folder); err != nil {
		return err
	}
	screens, err := record(folder)
	if err != nil {
		return err
	}
	return os.WriteFile(*picture, draw(screens), 0o644)
}

const function = `const { serve } = require('fwatchdog');

serve(async (request) => ` + "`Hello, ${await request.text()}!\\n`" + `);
`

// prepare makes what the session finds: the function, the SDK, and fwatchdog on its PATH.
func prepare(root, folder string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	build := exec.Command("go", "build", "-o", filepath.Join(folder, "bin", "fwatchdog"), "./cmd/fwatchdog")
	build.Dir, build.Stderr = root, os.Stderr
	home := filepath.Join(folder, "hello")
	return errors.Join(build.Run(),
		os.MkdirAll(filepath.Join(home, "node_modules"), 0o755),
		os.Symlink(filepath.Join(root, "sdk/node"), filepath.Join(home, "node_modules/fwatchdog")),
		os.WriteFile(filepath.Join(home, "index.js"), []byte(function), 0o644))
}

// record plays the session, and returns what both panes showed meanwhile.
func record(folder string) ([]recording, error) {
	t, err := open(folder)
	if err != nil {
		return nil, err
	}
	defer t.close()
	go t.film()
	return t.cut(play(t))
}

// play is what is done in the session: commands above, the state of the pool below.
func play(t *terminal) error {
	if err := t.until("the shells are there", func() bool { return t.prompts(above) && t.prompts(below) }); err != nil {
		return err
	}
	t.enter(above, "cat index.js")
	t.enter(above, `fprocess="node index.js" worker_output=fd3 pool_size=4 fwatchdog 2>log &`)
	if err := t.until("it is ready", func() bool { s, err := t.status(); return err == nil && s.ready() == 4 }); err != nil {
		return err
	}
	t.enter(above, "curl -d Ada localhost:8080")
	t.enter(below, "fwatchdog status -w")
	t.pause(2)
	t.enter(above, "yes localhost:8080 | xargs -P4 -n1000 curl -sd Ada >/dev/null &")
	t.pause(3)
	before, err := t.status()
	if err != nil {
		return err
	}
	victim := before.Workers[1]
	t.enter(above, fmt.Sprintf("kill -9 %d", victim.Pid))
	if err := t.until("its successor is there", func() bool {
		s, err := t.status()
		return err == nil && s.ready() == 4 && s.Workers[1].Pid != victim.Pid
	}); err != nil {
		return err
	}
	t.pause(3)
	t.enter(above, "fwatchdog reload")
	if err := t.until("all are new", func() bool { s, err := t.status(); return err == nil && s.Pool.Generation == 2 && !s.Pool.Reloading }); err != nil {
		return err
	}
	t.pause(5)
	return nil
}

// state is what the session wants to know of the pool.
type state struct {
	Pool struct {
		Generation uint64
		Reloading  bool
	}
	Workers []struct {
		Pid   int
		State string
	}
}

func (s state) ready() int {
	n := 0
	for _, w := range s.Workers {
		if w.State == "ready" {
			n++
		}
	}
	return n
}

// status asks the instance of the session.
func (t *terminal) status() (state, error) {
	var s state
	command := exec.Command(filepath.Join(t.folder, "bin", "fwatchdog"), "status", "--json")
	command.Env = append(os.Environ(), "TMPDIR="+t.folder)
	out, err := command.Output()
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(out, &s)
}

// pause lets the audience read.
func (t *terminal) pause(seconds int) { time.Sleep(time.Duration(seconds) * time.Second) }

func (t *terminal) until(what string, true func() bool) error {
	for giveUp := time.Now().Add(time.Minute); !true(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(giveUp) {
			return fmt.Errorf("within a minute it was never so that %s", what)
		}
	}
	return nil
}
