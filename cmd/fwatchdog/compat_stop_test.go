package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestCompatStopServesDuringThePause(t *testing.T) {
	for _, mode := range openFaaSModes {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, "printf function", "healthcheck_interval=1h", "static_path="+t.TempDir())
			i.signal(syscall.SIGTERM)
			i.await("stopping", nil)
			i.eventually("health is 503", func() bool { return i.get("/_/health").StatusCode == 503 })
			if mode != "classic" {
				i.get("/_/ready").is(t, 503, "")
			}
			if _, err := os.Stat(filepath.Join(i.tmp, ".lock")); !os.IsNotExist(err) {
				t.Errorf("the lock file is there: %v", err)
			}
			if r := i.get("/"); r.StatusCode != 200 {
				t.Errorf("got %d", r.StatusCode)
			}
			i.stop() // a second signal, which ends the pause
		})
	}
}

func TestCompatStopPausesForSomeTimeAlthoughNothingIsInFlight(t *testing.T) {
	const pause = 500 * time.Millisecond
	for _, mode := range openFaaSModes {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, "printf function", "healthcheck_interval="+pause.String(), "static_path="+t.TempDir())
			begun := time.Now()
			i.stop()
			if paused := time.Since(begun); paused < pause {
				t.Errorf("it was idle and ended after %v", paused)
			}
		})
	}
}

// slow is a function that says where its process is, and lasts.
func slow(seconds string) (script string) {
	return `[ "$Http_Path" = /quick ] && exit 0; echo $$ > "$TMPDIR/pid"; sleep ` + seconds + `; printf done`
}

// begin sends a request, waits until its process is there, and returns it and what waits for the answer.
func (i *instance) begin() (pid int, answer func() response) {
	i.t.Helper()
	answer = i.ask("/hold")
	return pidIn(i.t, filepath.Join(i.tmp, "pid")), answer
}

func TestCompatStopFinishesWhatIsInFlight(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for _, pause := range []string{"0", "-5", "300ms"} {
			if pause == "-5" && signal == syscall.SIGINT {
				continue
			}
			for _, mode := range forkModes {
				t.Run(fmt.Sprintf("%v, %s, %s", signal, pause, mode), func(t *testing.T) {
					i := watchdog(t, mode, slow("1"), "healthcheck_interval="+pause)
					_, answer := i.begin()
					i.signal(signal)
					answer().is(t, 200, "done") // so the signal did not reach the process
					if code := i.exitCode(); code != 0 {
						t.Errorf("exit code %d", code)
					}
				})
			}
		}
	}
}

func TestCompatStopLastsNoLongerThanWriteTimeout(t *testing.T) {
	for _, mode := range forkModes {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, slow("60"), "healthcheck_interval=100ms", "write_timeout=2s", "exec_timeout=0")
			pid, answer := i.begin()
			begun := time.Now()
			i.stop()
			within(t, begun, 10*time.Second)
			if r := answer(); r.err == nil {
				t.Errorf("got %d %q", r.StatusCode, r.body)
			}
			gone(t, pid)
		})
	}
}

func TestCompatSecondSignalEndsThePauseAndNotTheRequests(t *testing.T) {
	i := watchdog(t, "serializing", slow("1"), "healthcheck_interval=60s")
	_, answer := i.begin()
	i.signal(syscall.SIGTERM)
	i.await("stopping", nil)
	i.signal(syscall.SIGTERM)
	answer().is(t, 200, "done")
	if code := i.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
