// Package systems starts the programs that benchmarks load, and loads them. bench/setup builds them.
package systems

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// System is a program that answers HTTP.
type System struct {
	Name string // as the documents have it
	// Argv is the program, in which {out} stands for where setup has put what it built, and {root} for the project.
	Argv []string
	Env  []string // {port} stands for the system's port, {upstream} for that of the system it needs
	// Needs is the system behind this one; "" when there is none.
	Needs string
}

// The functions that both fwatchdog and the least that can do its work stand before.
const (
	nodeFunction = "node {root}/bench/functions/node.js"
	jvmFunction  = "java -cp {out}/java:{root}/sdk/java/target/fwatchdog-0.1.0.jar Hello"
	goFunction   = "{out}/sleep"
)

// All is the systems, by the name under which scenarios have them.
var All = map[string]System{
	"fasthttp":    {Name: "fasthttp alone", Argv: []string{"{out}/fasthttp"}},
	"node:http":   {Name: "node:http alone", Argv: []string{"node", "{root}/bench/systems/node.js"}},
	"plain proxy": {Name: "httputil.ReverseProxy, node:http", Argv: []string{"{out}/proxy"}, Env: []string{"UPSTREAM=http://127.0.0.1:{upstream}"}, Needs: "node:http"},
	"proxy": {Name: "httputil.ReverseProxy (1024 kept), node:http", Argv: []string{"{out}/proxy"},
		Env: []string{"UPSTREAM=http://127.0.0.1:{upstream}", "IDLE=1024"}, Needs: "node:http"},
	"tomcat": {Name: "embedded Tomcat", Argv: []string{"java", "-cp", "{root}/bench/systems/tomcat/target/classes:{root}/bench/systems/tomcat/target/lib/*", "bench.Hello"}},
	"gunicorn": {Name: "gunicorn, 2 sync workers", Argv: []string{"{out}/venv/bin/gunicorn", "--chdir", "{root}/bench/systems", "-w", "2", "-b", "127.0.0.1:{port}",
		"--log-level", "error", "gunicorn_app:app"}},
	"of-watchdog": {Name: "of-watchdog, mode http, node:http", Argv: []string{"of-watchdog"},
		Env: []string{"mode=http", "port={port}", "metrics_port=0", "fprocess=true", "upstream_url=http://127.0.0.1:{upstream}", "http_upstream_url=http://127.0.0.1:{upstream}"}, Needs: "node:http"},
	"classic-watchdog": {Name: "classic-watchdog, node", Argv: []string{"classic-watchdog"},
		Env: []string{"port={port}", "fprocess=node {root}/bench/functions/classic.js"}},

	"node":         ours("node", nodeFunction, "pool_size=1", "worker_output=fd3"),
	"jvm":          ours("JVM", jvmFunction, "pool_size=1", "worker_output=fd3"),
	"python":       ours("Python, 2 workers", "python3 {root}/bench/functions/python.py", "pool_size=2", "PYTHONPATH={root}/sdk/python/src"),
	"go":           ours("Go", goFunction, "pool_size=1"),
	"go, 4":        ours("Go, 4 workers", goFunction, "pool_size=4"),
	"go, 16":       ours("Go, 16 workers", goFunction, "pool_size=16"),
	"go, 64":       ours("Go, 64 workers", goFunction, "pool_size=64"),
	"sleep":        ours("Go, 10 ms a request", goFunction, "pool_size=1", "worker_concurrency=64"),
	"least, node":  least("Node", nodeFunction),
	"least, jvm":   least("JVM", jvmFunction),
	"least, sleep": least("Go, 10 ms a request", goFunction),
	"classic":      ours("mode classic, node", "node {root}/bench/functions/classic.js", "mode=classic"),
	"classic jvm":  ours("mode classic, java", "java -cp {out}/java Classic", "mode=classic"),
	"http": {Name: "fwatchdog, mode http, node:http", Argv: []string{"{out}/fwatchdog"}, Env: []string{"mode=http", "port={port}", "metrics_port=0",
		"fprocess=node {root}/bench/systems/node.js", "upstream_url=http://127.0.0.1:{free}"}},
}

// ours is fwatchdog before a function, with everything on that is on by default.
func ours(what, fprocess string, settings ...string) System {
	env := append([]string{"port={port}", "metrics_port={free}", "log_format=json", "healthcheck_interval=0", "queue_size=2000", "fprocess=" + fprocess}, settings...)
	return System{Name: "fwatchdog, " + what, Argv: []string{"{out}/fwatchdog"}, Env: env}
}

// least is the least that can put a function's worker behind fasthttp.
func least(what, fprocess string) System {
	return System{Name: "the least, " + what, Argv: append([]string{"{out}/least"}, strings.Fields(fprocess)...)}
}

// Running is a system that answers.
type Running struct {
	System
	Port int
	Free int // the port that {free} stands for
	Cmd  *exec.Cmd
	Born time.Time // when it was started
	tmp  string
	log  string
	with *Running // what it needs
}

// Start starts a system, with settings beside its own, and returns when it answers.
func Start(ctx context.Context, key, root string, settings ...string) (*Running, error) {
	r, err := Launch(ctx, key, root, settings...)
	if err != nil {
		return nil, err
	}
	if err := r.Await(ctx); err != nil {
		text, _ := os.ReadFile(r.log)
		r.Stop()
		return nil, fmt.Errorf("%s: %w\n%.2000s", r.Name, err, text)
	}
	return r, nil
}

// Launch starts a system, with settings beside its own.
func Launch(ctx context.Context, key, root string, settings ...string) (*Running, error) {
	s, ok := All[key]
	if !ok {
		return nil, fmt.Errorf("there is no system %q", key)
	}
	r := &Running{System: s, Port: freePort(), Free: freePort()}
	if _, err := exec.LookPath(s.Argv[0]); err != nil && !strings.ContainsRune(s.Argv[0], '/') {
		return nil, err // before what it needs is started
	}
	upstream := 0
	if s.Needs != "" {
		var err error
		if r.with, err = Start(ctx, s.Needs, root); err != nil {
			return nil, fmt.Errorf("what it Needs: %w", err)
		}
		upstream = r.with.Port
	}
	var err error
	if r.tmp, err = os.MkdirTemp("", "bench"); err != nil {
		return nil, err
	}
	fill := strings.NewReplacer("{out}", filepath.Join(root, ".cache/bench"), "{root}", root, "{port}", strconv.Itoa(r.Port),
		"{upstream}", strconv.Itoa(upstream), "{free}", strconv.Itoa(r.Free))
	argv := make([]string, len(s.Argv))
	for i, word := range s.Argv {
		argv[i] = fill.Replace(word)
	}
	r.Cmd = exec.Command(argv[0], argv[1:]...)
	r.Cmd.Env = append(os.Environ(), "PORT="+strconv.Itoa(r.Port), "TMPDIR="+r.tmp)
	for _, variable := range slices.Concat(s.Env, settings) {
		r.Cmd.Env = append(r.Cmd.Env, fill.Replace(variable))
	}
	r.Cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	r.log = filepath.Join(r.tmp, "log")
	log, err := os.Create(r.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.Cmd.Stdout, r.Cmd.Stderr = log, log
	r.Born = time.Now()
	if err := r.Cmd.Start(); err != nil {
		r.Stop()
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	return r, nil
}

// Await returns when the system gives the right answer.
func (r *Running) Await(ctx context.Context) (err error) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if err = r.check("/"); err == nil {
			return nil
		}
	}
	return err
}

// check asks once, and reports an answer that is not the one that all must give.
func (r *Running) check(path string) error {
	resp, err := http.Get(r.url(path))
	return expect(resp, err, "hello")
}

// largeBody is the one that echo.lua sends.
var largeBody = strings.Repeat("x", 1<<20)

// checkEcho sends a large body, and reports an answer that is not the same.
func (r *Running) checkEcho(path string) error {
	resp, err := http.Post(r.url(path), "text/plain", strings.NewReader(largeBody))
	return expect(resp, err, largeBody)
}

func expect(resp *http.Response, err error, want string) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || string(body) != want {
		return fmt.Errorf("it answers %d with %d bytes, %.100q, %v", resp.StatusCode, len(body), body, err)
	}
	return nil
}

// workersStarted is how many workers its log tells of.
func (r *Running) workersStarted() int {
	text, _ := os.ReadFile(r.log) // one that cannot be read tells of none
	return bytes.Count(text, []byte(`"worker started"`))
}

func (r *Running) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", r.Port, path) }

// Stop ends the system and what it needs.
func (r *Running) Stop() {
	if r.Cmd.Process != nil {
		_ = syscall.Kill(-r.Cmd.Process.Pid, syscall.SIGTERM) // it may have ended
		timer := time.AfterFunc(5*time.Second, func() { _ = syscall.Kill(-r.Cmd.Process.Pid, syscall.SIGKILL) })
		_ = r.Cmd.Wait() // ended by the signal
		timer.Stop()
	}
	_ = os.RemoveAll(r.tmp) // in a temporary folder
	if r.with != nil {
		r.with.Stop()
	}
}

func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // there is no loopback
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
