package fwatchdog_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
	"fwatchdog/sdk/go/workertest"
)

// function is what this binary plays as a worker.
func function(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	play, ok := plays[r.Path]
	if !ok {
		return echo(w, r)
	}
	text, err := play()
	if err != nil {
		return err
	}
	return say(w, text)
}

var plays = map[string]func() (string, error){
	"/print": func() (string, error) {
		_, err := fmt.Println("printed by the handler")
		return "", err
	},
	"/print-raw": func() (string, error) {
		_, err := syscall.Write(1, []byte("printed raw\n"))
		return "", err
	},
	"/print-subprocess": func() (string, error) {
		command := exec.Command("echo", "printed by a subprocess")
		command.Stdout = os.Stdout
		return "", command.Run()
	},
	"/stdin": func() (string, error) {
		command := exec.Command("cat")
		command.Stdin = os.Stdin
		theirs, err := command.Output()
		if err != nil {
			return "", err
		}
		ours, err := io.ReadAll(os.Stdin)
		return fmt.Sprintf("%q %q", ours, theirs), err
	},
	"/linger": func() (string, error) {
		command := exec.Command("sleep", "60")
		command.Stdin, command.Stdout = os.Stdin, os.Stdout
		err := command.Start()
		return strconv.Itoa(command.Process.Pid), err
	},
	"/signal": func() (string, error) {
		return fmt.Sprint(exec.Command("sh", "-c", "kill -TERM $$; kill -INT $$").Run()), nil
	},
}

// played returns this binary as a function to start.
func played(t *testing.T, env ...string) (command *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command, stderr = exec.Command(exe), new(bytes.Buffer)
	command.Env = append(append(os.Environ(), "PLAY_FUNCTION=1"), env...)
	command.Stderr = stderr
	return command, stderr
}

func get(t *testing.T, h *workertest.Host, target string) string {
	t.Helper()
	r := h.Response(h.Request(workertest.Request{Target: target}))
	if r.Status != 200 {
		t.Errorf("%s: got %+v", target, r)
	}
	return string(r.Body)
}

func TestProgramStartedByHandSaysHowToStartIt(t *testing.T) {
	command, stderr := played(t)
	if err := command.Run(); err == nil || command.ProcessState.ExitCode() != 64 {
		t.Errorf("got %v, want exit code 64", err)
	}
	if got := stderr.String(); got != "this program is a worker: start it with fwatchdog\n" {
		t.Errorf("got %q", got)
	}
}

func TestOperatorsConcurrencyReplacesThePrograms(t *testing.T) {
	command, _ := played(t, "FWATCHDOG_CONCURRENCY=9")
	hello := workertest.Spawn(t, command).ShakeHands()
	if got, _ := hello.Pairs.Get("concurrency"); got != "9" {
		t.Errorf("concurrency is %q", got)
	}
}

func TestConcurrencyThatIsNoneStopsTheStart(t *testing.T) {
	for _, value := range []string{"many", "0", "-1", "1.5"} {
		command, stderr := played(t, "FWATCHDOG_CONCURRENCY="+value)
		h := workertest.Spawn(t, command)
		if code := h.Exit(); code != 64 {
			t.Errorf("%s: exit code %d, want 64", value, code)
		}
		if want := fmt.Sprintf("FWATCHDOG_CONCURRENCY=%q is not a positive number\n", value); stderr.String() != want {
			t.Errorf("got %q, want %q", stderr, want)
		}
	}
}

func TestWhatIsPrintedGoesToTheLog(t *testing.T) {
	const all = "printed by the handler\nprinted raw\nprinted by a subprocess\n"
	for _, fd := range []string{"1", "3"} {
		t.Run("frames on descriptor "+fd, func(t *testing.T) {
			command, stderr := played(t, "FWATCHDOG_OUT_FD="+fd)
			stdout := new(bytes.Buffer)
			command.Stdout = stdout
			h := workertest.Spawn(t, command)
			h.ShakeHands()
			for range 3 {
				get(t, h, "/print")
				get(t, h, "/print-raw")
				get(t, h, "/print-subprocess")
			}
			h.HangUp()
			if code := h.Exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			log := stderr
			if fd == "3" {
				log = stdout
			}
			if got := log.String(); got != strings.Repeat(all, 3) {
				t.Errorf("the log holds %q", got)
			}
		})
	}
}

func TestHandlerAndItsSubprocessesReadNothing(t *testing.T) {
	command, _ := played(t)
	h := workertest.Spawn(t, command)
	h.ShakeHands()
	if got := get(t, h, "/stdin"); got != `"" ""` {
		t.Errorf("they read %s", got)
	}
}

func TestSubprocessThatOutlivesTheWorkerDoesNotHoldItsPipe(t *testing.T) {
	command, _ := played(t)
	command.Stderr = os.Stderr // a buffer would be waited for, which the subprocess holds by right
	h := workertest.Spawn(t, command)
	h.ShakeHands()
	pid, err := strconv.Atoi(get(t, h, "/linger"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }() // ours: nobody has reaped it in 60 seconds
	h.HangUp()
	if code := h.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if f, ok := h.Next(); ok {
		t.Errorf("got %v after the end", f)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("the subprocess has ended: %v", err)
	}
}

func TestSignalsDoNotEndTheWorkerButItsSubprocesses(t *testing.T) {
	command, _ := played(t)
	h := workertest.Spawn(t, command)
	h.ShakeHands()
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		if err := command.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		get(t, h, "/")
	}
	if got := get(t, h, "/signal"); got != "signal: terminated" {
		t.Errorf("the subprocess: %s", got)
	}
}

func TestHostThatBreaksTheProtocolIsReported(t *testing.T) {
	command, stderr := played(t)
	h := workertest.Spawn(t, command)
	h.ShakeHands()
	h.Send([]byte("GET / HTTP/1.1\r\n\r\n"))
	if code := h.Exit(); code != 65 {
		t.Errorf("exit code %d, want 65", code)
	}
	at := len(workertest.Greet())
	want := fmt.Sprintf("%v at byte %d, after HELLO stream 0, %d bytes\n"+
		"00000000  47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a  |GET / HTTP/1.1..|\n"+
		"00000010  0d 0a                                            |..|\n", protocol.ErrMagic, at, at-protocol.HeaderSize)
	if stderr.String() != want {
		t.Errorf("got\n%swant\n%s", stderr, want)
	}
}
