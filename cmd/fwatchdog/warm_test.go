package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// warm starts mode warm with a program.
func warm(t *testing.T, program string, settings ...string) *instance {
	t.Helper()
	return launch(t, append([]string{"mode=warm", "pool_size=2", "fprocess=" + program}, settings...)...)
}

func TestWarmProgramAnswers(t *testing.T) {
	i := warm(t, "cat")
	for _, n := range []int{0, 1, 65536, 65537, 3_000_000} {
		body := strings.Repeat("0123456789", n/10+1)[:n]
		i.send("POST", "/", strings.NewReader(body)).is(t, 200, body)
		i.send("POST", "/", struct{ io.Reader }{strings.NewReader(body)}).is(t, 200, body)
	}
}

func TestWarmProgramStartsBeforeItsRequestAndServesOne(t *testing.T) {
	i := warm(t, `sh -c 'date +%s%N; echo $$; cat'`)
	i.eventually("it is ready", func() bool { return i.get("/_/ready").StatusCode == 200 })
	seen := map[string]bool{}
	for range 5 {
		i.eventually("two wait for their input", func() bool { return processesOf(t, i, "cat") == 2 })
		asked := time.Now().UnixNano()
		lines := strings.Split(i.send("POST", "/", strings.NewReader("hello")).body, "\n")
		if len(lines) != 3 || lines[2] != "hello" {
			t.Fatalf("got %q", lines)
		}
		began, err := strconv.ParseInt(lines[0], 10, 64)
		if err != nil || began > asked {
			t.Errorf("the process began %v after it was asked, %v", time.Duration(began-asked), err)
		}
		if seen[lines[1]] {
			t.Errorf("process %s served twice", lines[1])
		}
		seen[lines[1]] = true
	}
}

// waiting is how many processes wait for a request, as USR1 tells.
func (i *instance) waiting() int {
	i.t.Helper()
	return int(i.state()["Capacity"].(float64))
}

func TestWarmFailureIsTheAnswer(t *testing.T) {
	i := warm(t, `sh -c 'read x; echo out; case $x in term) kill -TERM $$;; *) exit $x;; esac'`)
	for body, want := range map[string]string{"3\n": "exit status 3", "term\n": "signal: terminated"} {
		r := i.send("POST", "/", strings.NewReader(body), "Content-Type: a/b")
		if r.is(t, 500, want); r.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("the type is %q", r.Header.Get("Content-Type"))
		}
	}
	i.send("POST", "/", strings.NewReader("0\n")).is(t, 200, "out\n")
}

func TestWarmTypeOfTheAnswer(t *testing.T) {
	i := warm(t, "cat")
	for _, test := range []struct{ body, sent, want string }{
		{"<html>", "a/b", "a/b"},
		{"<html>", "", "text/html; charset=utf-8"},
		{"", "", ""},
	} {
		headers := []string{}
		if test.sent != "" {
			headers = append(headers, "Content-Type: "+test.sent)
		}
		r := i.send("POST", "/", strings.NewReader(test.body), headers...)
		if got := r.Header.Get("Content-Type"); got != test.want {
			t.Errorf("%q sent as %q: the type is %q, want %q", test.body, test.sent, got, test.want)
		}
	}
	set := warm(t, "cat", "content_type=x/y")
	if r := set.send("POST", "/", strings.NewReader("a"), "Content-Type: a/b"); r.Header.Get("Content-Type") != "x/y" {
		t.Errorf("the type is %q", r.Header.Get("Content-Type"))
	}
}

func TestWarmHeadersComeOnALineBeforeTheBody(t *testing.T) {
	i := warm(t, "cat", "warm_headers=true")
	r := i.send("POST", "/a%20b?c", strings.NewReader("body"), "X-A: 1", "x-a: 2", "X-Call-Id: id", "User-Agent: u")
	line, body, _ := strings.Cut(r.body, "\n")
	for _, want := range []string{`"method":"POST","target":"/a%20b?c"`, `"X-A":["1","2"]`, `"X-Call-Id":["id"]`, `"Content-Length":["4"]`} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
	if body != "body" {
		t.Errorf("the body is %q", body)
	}
	plain := warm(t, `sh -c 'cat; env'`)
	if got := plain.send("POST", "/x", strings.NewReader("")).body; strings.Contains(got, "Http_") {
		t.Errorf("there are variables: %s", got)
	}
}

func TestWarmDeadlineKillsTheGroup(t *testing.T) {
	i := warm(t, `sh -c 'cat >/dev/null; sleep 100 & echo $!; wait'`, "exec_timeout=300ms")
	i.send("POST", "/", nil).is(t, 500, "signal: killed")
	i.eventually("its child has gone", func() bool { return processesOf(t, i, "sleep") == 0 })
}

// processesOf is how many processes of this program the instance has.
func processesOf(t *testing.T, i *instance, program string) (n int) {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		environ, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(environ), "TMPDIR="+i.tmp+"\x00") {
			continue
		}
		if command, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline")); err == nil && strings.HasPrefix(string(command), program+"\x00") {
			n++
		}
	}
	return n
}

func TestWarmClientThatLeavesEndsItsProcess(t *testing.T) {
	i := warm(t, `sh -c 'cat >/dev/null; sleep 100'`)
	i.eventually("it is ready", func() bool { return i.get("/_/ready").StatusCode == 200 })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := i.try(ctx, "POST", "/", nil); err == nil {
		t.Error("it was answered")
	}
	i.eventually("its process has gone", func() bool { return processesOf(t, i, "sleep") == 0 })
}

func TestWarmBurstFindsSuccessors(t *testing.T) {
	i := warm(t, "cat", "queue_size=100")
	var all sync.WaitGroup
	for n := range 40 {
		all.Go(func() {
			body := fmt.Sprint(n)
			i.send("POST", "/", strings.NewReader(body)).is(t, 200, body)
		})
	}
	all.Wait()
	i.eventually("two wait again", func() bool { return i.waiting() == 2 })
}

func TestWarmProgramThatDoesNotReadItsInputIsRefused(t *testing.T) {
	for _, program := range []string{"echo hi", "false"} {
		i := warm(t, program)
		if code := i.exitCode(); code != 1 {
			t.Errorf("%s: exit code %d", program, code)
		}
		if !strings.Contains(i.log(), "mode=classic") {
			t.Errorf("%s: nothing tells of mode=classic:\n%s", program, i.log())
		}
		if n := count(i, "worker ended"); n > 20 {
			t.Errorf("%s: %d processes were started", program, n)
		}
	}
}

func TestWarmMissingProgramIsRefused(t *testing.T) {
	i := warm(t, "/no/such/program")
	if code := i.exitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
}

func TestWarmStopEndsProcessesWithoutARequest(t *testing.T) {
	served := filepath.Join(t.TempDir(), "served")
	i := warm(t, `sh -c 'cat >/dev/null; echo x >>`+served+`'`)
	i.send("POST", "/", nil).is(t, 200, "")
	i.eventually("two wait again", func() bool { return i.waiting() == 2 })
	i.signal(syscall.SIGTERM)
	if code := i.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got, err := os.ReadFile(served); err != nil || string(got) != "x\n" { // a spare one must not take the end for a request
		t.Errorf("served %q, %v", got, err)
	}
}

func TestWarmReloadReplacesTheProcesses(t *testing.T) {
	i := warm(t, `sh -c 'echo $$; cat'`)
	i.eventually("two wait", func() bool { return i.waiting() == 2 })
	i.signal(syscall.SIGHUP)
	i.await("reload completed", nil)
	if r := i.send("POST", "/", nil); r.StatusCode != 200 {
		t.Errorf("got %d", r.StatusCode)
	}
}

// javaProgram compiles an unmodified program, and returns the command that runs it. It echoes, in capital letters.
func javaProgram(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "Shout.java")
	text := `public class Shout {
	public static void main(String[] args) throws Exception {
		System.out.print(new String(System.in.readAllBytes(), "UTF-8").toUpperCase());
	}
}
`
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("javac", "-d", dir, source).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return "java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp " + dir + " Shout"
}

const nodeProgram = `node -e "let s=''; process.stdin.on('data', d => s += d).on('end', () => process.stdout.write(s.toUpperCase()))"`

func TestWarmTakesTheStartOutOfTheWay(t *testing.T) {
	for name, program := range map[string]string{"JVM": javaProgram(t), "Node": nodeProgram} {
		t.Run(name, func(t *testing.T) {
			cold := launch(t, "mode=classic", "log_format=json", "fprocess="+program)
			ready := warm(t, program)
			best := 1.0
			for round := 0; round < 3 && best > 1.0/5; round++ {
				slow := median(t, cold, 100*time.Millisecond)
				fast := median(t, ready, max(100*time.Millisecond, 3*slow)) // for the next start, on a busy machine
				t.Logf("classic %v, warm %v", slow, fast)
				best = min(best, float64(fast)/float64(slow))
			}
			if best > 1.0/2 { // a fifth when the machine has nothing else to do
				t.Errorf("warm took %.0f %% of classic's time", 100*best)
			}
		})
	}
}

// median is what a request takes, one at a time, with a rest between two.
func median(t *testing.T, i *instance, rest time.Duration) time.Duration {
	t.Helper()
	var took []time.Duration
	for range 7 {
		<-time.After(rest)
		began := time.Now()
		i.send("POST", "/", strings.NewReader("hello")).is(t, 200, "HELLO")
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2]
}
