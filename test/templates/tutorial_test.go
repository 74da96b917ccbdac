package templates_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEveryTutorialWorksAsItsPageSays(t *testing.T) {
	pages, err := filepath.Glob("../../docs/tutorial-*.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 5 {
		t.Errorf("there are the pages %v only", pages)
	}
	for _, page := range pages {
		t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) {
			r := newReader(t)
			for _, s := range stepsOf(read(t, page)) {
				r.at = fmt.Sprintf("%s:%d", filepath.Base(page), s.line)
				r.take(s)
			}
			if r.image == nil || r.stopped != r.image {
				t.Error("the page builds no image, or does not show how its container stops")
			}
		})
	}
}

// reader does what a page says.
type reader struct {
	t       *testing.T
	at      string // the place on the page
	tools   tools
	dir     string // of the next command
	env     []string
	state   string // the folder in which a command leaves both
	port    [2]string
	image   *stage               // what docker build has built
	stopped *stage               // what docker stop has stopped
	serving *serving             // the fwatchdog in the first terminal; nil when there is none
	files   map[string]time.Time // of the image, when docker run began
}

// newReader is a reader in an empty folder of its own home, with the tools and without fwatchdog.
func newReader(t *testing.T) *reader {
	tools := newTools(t)
	home, state := t.TempDir(), t.TempDir()
	r := &reader{t: t, tools: tools, dir: home, state: state, port: [2]string{freePort(t), freePort(t)}}
	bin := filepath.Join(state, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	program(t, filepath.Join(bin, "docker"), "#!/bin/sh\nimage="+ownImage(t).root+"\n"+read(t, "testdata/docker.sh"))
	var path string
	for _, pair := range tools.env { // the last counts
		if value, found := strings.CutPrefix(pair, "PATH="); found {
			path = value
		}
	}
	r.env = slices.Concat(tools.env, []string{"HOME=" + home, "TMPDIR=" + state, "PATH=" + bin + ":" + home + "/.local/bin:" + path,
		"port=" + r.port[0], "metrics_port=" + r.port[1], "log_format=text", "healthcheck_interval=0"})
	t.Cleanup(r.end)
	return r
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

func (r *reader) take(s step) {
	r.t.Helper()
	switch {
	case s.file != "":
		r.write(s)
	case s.command == "":
		r.awaitLog(s.text)
	default:
		r.do(s)
	}
}

func (r *reader) write(s step) {
	r.t.Helper()
	path := filepath.Join(r.dir, s.file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.fatalf("%v", err)
	}
	if err := os.WriteFile(path, []byte(s.text), 0o644); err != nil {
		r.fatalf("%v", err)
	}
}

// serves is a command that serves until it is interrupted.
var serves = regexp.MustCompile(`^((?:\w+=(?:"[^"]*"|\S+) )*)(fwatchdog(?: -- .*)?)$`)

func (r *reader) do(s step) {
	r.t.Helper()
	switch line := s.command; {
	case serves.MatchString(line):
		line = serves.ReplaceAllString(line, "${1}exec ${2}")
		command := exec.Command("bash", "-c", r.local(line))
		command.Dir, command.Env = r.dir, r.env
		r.serve(command)
		r.awaitLog(s.text)
	case strings.HasPrefix(line, "docker build "):
		r.build()
	case strings.HasPrefix(line, "docker run "):
		r.runImage()
		r.awaitLog(s.text)
	case strings.HasPrefix(line, "docker inspect "):
		r.compare(s, r.health())
	case strings.HasPrefix(line, "docker stop "):
		r.end()
		r.stopped = r.image
		r.checkUntouched()
	default:
		r.compare(s, r.shell(line))
	}
}

// local is a command with the ports that this test has.
func (r *reader) local(line string) string {
	return strings.NewReplacer("localhost:8080", "localhost:"+r.port[0], "localhost:8081", "localhost:"+r.port[1]).Replace(line)
}

// shell runs a command as the next one of a terminal, and returns what it printed.
func (r *reader) shell(line string) string {
	r.t.Helper()
	script := "set -a\n" + r.local(line) + "\nstatus=$?; set +a; pwd >$0/pwd; env -0 >$0/env; exit $status"
	command := exec.Command("bash", "-c", script, r.state)
	command.Dir, command.Env = r.dir, r.env
	var complaints strings.Builder
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		r.fatalf("%s: %v\n%s%s%s", line, err, out, &complaints, r.logged())
	}
	r.dir = strings.TrimSpace(read(r.t, filepath.Join(r.state, "pwd")))
	r.env = strings.Split(strings.TrimRight(read(r.t, filepath.Join(r.state, "env")), "\x00"), "\x00")
	return string(out)
}

// compare fails unless a command printed what the page shows.
func (r *reader) compare(s step, got string) {
	r.t.Helper()
	for giveUp := time.Now().Add(10 * time.Second); !shows(s, got); got = r.shell(s.command) {
		if !strings.HasPrefix(s.command, "fwatchdog status") || time.Now().After(giveUp) { // what it shows is measured every second
			r.t.Errorf("%s: %s printed\n%s\nand not\n%s\n%s", r.at, s.command, got, s.text, r.logged())
			return
		}
	}
}

// serve starts what a reader leaves running in a terminal, after he has stopped what ran there.
func (r *reader) serve(command *exec.Cmd) {
	r.t.Helper()
	r.end()
	s, err := begin(command)
	if err != nil {
		r.fatalf("%v", err)
	}
	r.serving = s
}

// build does what docker build would. Without the variable pip would install for this machine.
func (r *reader) build() {
	r.t.Helper()
	b := &builder{t: r.t, context: r.dir, base: slices.Concat(r.tools.env, []string{"PIP_USER=1"}), dir: r.t.TempDir(),
		stages: map[string]*stage{imageName: ownImage(r.t)}}
	r.image = b.build(r.tools.watchdog)
}

// runImage starts the image as docker run does.
func (r *reader) runImage() {
	r.t.Helper()
	if r.image == nil {
		r.fatalf("nothing was built")
	}
	r.files = files(r.t, r.image)
	command := r.image.command(r.image.cmd)
	command.Env = append(r.image.environ(r.tools.env), "port="+r.port[0], "metrics_port="+r.port[1], "log_format=text",
		"PATH="+filepath.Join(r.image.root, "usr/bin")+":"+os.Getenv("PATH"))
	r.serve(command)
}

// health is what docker inspect says of the container.
func (r *reader) health() string {
	f := &function{image: r.image, command: r.serving.command}
	if err := f.healthy(); err != nil {
		return "unhealthy: " + err.Error()
	}
	return "healthy"
}

// checkUntouched fails when the container wrote into its root file system, which is to be read-only.
func (r *reader) checkUntouched() {
	r.t.Helper()
	for name, stamp := range files(r.t, r.image) {
		if r.files[name] != stamp {
			r.t.Errorf("%s was written: the container cannot be read-only", name)
		}
	}
}

// awaitLog waits until the log holds the lines, in their order, below what was waited for before.
func (r *reader) awaitLog(text string) {
	r.t.Helper()
	s := r.serving
	if s == nil {
		r.fatalf("fwatchdog does not run: it cannot log")
	}
	for wanted := range strings.Lines(text) {
		if wanted = withoutNumbers(wanted); wanted == "..." {
			continue
		}
		if !s.await(wanted) {
			r.fatalf("the log has no line %q after line %d:\n%s", wanted, s.seen, s.log.text())
		}
	}
}

// end stops fwatchdog, if it runs.
func (r *reader) end() {
	if r.serving == nil {
		return
	}
	if state := r.serving.stop(); !state.Success() {
		r.t.Errorf("%s: fwatchdog ended with %v:\n%s", r.at, state, r.serving.log.text())
	}
}

func (r *reader) logged() string {
	if r.serving == nil {
		return ""
	}
	return "the log:\n" + r.serving.log.text()
}

func (r *reader) fatalf(format string, args ...any) {
	r.t.Helper()
	r.t.Fatalf(r.at+": "+format, args...)
}
