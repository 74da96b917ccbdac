package process_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fwatchdog/internal/process"
	"fwatchdog/internal/reaper"
)

func TestExitSaysHowProcessEnded(t *testing.T) {
	s := newStarter(t)
	for _, test := range []struct {
		name, script string
		want         process.Exit
		says         string
		status       int
	}{
		{"success", "exit 0", process.Exit{}, "exit code 0", 0},
		{"exit code", "exit 3", process.Exit{Code: 3}, "exit code 3", 3},
		{"kill", "kill -KILL $$", process.Exit{Code: -1, Signal: unix.SIGKILL}, "signal 9 (killed)", 137},
		{"segmentation fault", "kill -SEGV $$", process.Exit{Code: -1, Signal: unix.SIGSEGV},
			"signal 11 (segmentation fault)", 139},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, s, shell(test.script))
			got := p.Reap()
			if got != test.want {
				t.Errorf("got %#v, want %#v", got, test.want)
			}
			if got.String() != test.says || got.Status() != test.status {
				t.Errorf("got %q and %d, want %q and %d", got, got.Status(), test.says, test.status)
			}
			if again := p.Reap(); again != got {
				t.Errorf("asked again it is %v", again)
			}
		})
	}
}

func TestStatusThatSomebodyElseTookIsUnknown(t *testing.T) {
	p := start(t, newStarter(t), shell("exit 3"))
	if _, err := unix.Wait4(p.Pid(), nil, 0, nil); err != nil {
		t.Fatal(err)
	}
	got := p.Reap()
	if got.Code != -1 || got.Status() != -1 || !strings.Contains(got.String(), "unknown") {
		t.Errorf("got %#v, %v", got, got)
	}
}

func TestProcessIsZombieOfItsOwnBetweenEndedAndReap(t *testing.T) {
	pids := new(reaper.Pids)
	s := runStarter(t, process.NewStarter(pids))
	p := start(t, s, shell("exit 0"))
	<-p.Ended()
	if state := statusOf(p.Pid(), "State"); !strings.HasPrefix(state, "Z") {
		t.Errorf("state after Ended is %q", state)
	}
	if !pids.Own(p.Pid()) {
		t.Error("its pid is free for the reaper before Reap")
	}
	if err := p.Signal(unix.SIGTERM); err != nil {
		t.Errorf("signal to the group of a zombie: %v", err)
	}
	p.Reap()
	if state := statusOf(p.Pid(), "State"); state != "" {
		t.Errorf("state after Reap is %q", state)
	}
	if pids.Own(p.Pid()) {
		t.Error("its pid is still in the set after Reap")
	}
	p.Kill()
	if err := p.Signal(unix.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signal after Reap: %v", err)
	}
}

func TestSignalReachesWholeGroup(t *testing.T) {
	// Both shells must have set their trap before they say so.
	const script = `trap "echo child; exit" USR1; echo ready; while :; do read line; done`
	p := start(t, newStarter(t), shell(
		`(`+script+`) <&0 & trap "wait; echo leader; exit" USR1; echo ready; wait`))
	lines := []string{readLine(t, p), readLine(t, p)}
	if err := p.Signal(unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(append(lines, readLine(t, p), readLine(t, p)), " "); got != "ready ready child leader" {
		t.Errorf("got %q", got)
	}
}

func TestASignalThatMayEndAProcessIsSentToItAloneAndOnlyWhenItCatchesIt(t *testing.T) {
	const loop = `; echo ready; while :; do read line; done`
	s := newStarter(t)
	p := start(t, s, shell(`(trap "echo child" USR1`+loop+`) <&0 & trap "echo leader" USR1`+loop))
	readLine(t, p)
	readLine(t, p)
	if p.SignalIfCaught(unix.SIGUSR2) || !p.SignalIfCaught(unix.SIGUSR1) {
		t.Error("it was sent when it is not caught, or not when it is")
	}
	got := []string{readLine(t, p)}
	if err := p.Signal(unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	got = append(got, readLine(t, p), readLine(t, p))
	slices.Sort(got)
	if !slices.Equal(got, []string{"child", "leader", "leader"}) {
		t.Errorf("got %q", got)
	}
	p.Kill()
	if exit := p.Reap(); exit.Signal != unix.SIGKILL || p.SignalIfCaught(unix.SIGUSR1) {
		t.Errorf("got %v", exit)
	}
}

func TestLeaderThatLeftItsGroupIsSignalledAndKilledAlone(t *testing.T) {
	s := newStarter(t)
	other := start(t, s, cat)
	for _, test := range []struct {
		name string
		end  func(p *process.Process)
		want syscall.Signal
	}{
		{"Signal", func(p *process.Process) {
			if err := p.Signal(unix.SIGTERM); err != nil {
				t.Error(err)
			}
		}, unix.SIGTERM},
		{"Kill", func(p *process.Process) { p.Kill() }, unix.SIGKILL},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, s, player(t, "mover"))
			if _, err := fmt.Fprintln(p.Stdin, other.Pid()); err != nil {
				t.Fatal(err)
			}
			if moved := readLine(t, p); moved != "<nil> <nil>" {
				t.Fatalf("it could not move: %s", moved)
			}
			test.end(p)
			if exit := p.Reap(); exit.Signal != test.want {
				t.Errorf("got %v, want %v", exit, test.want)
			}
			echo(t, other)
		})
	}
}

func TestKillAndReapKillGrandchildren(t *testing.T) {
	s := newStarter(t)
	for _, test := range []struct {
		name string
		end  func(p *process.Process)
	}{
		{"Kill", func(p *process.Process) { p.Kill() }},
		{"Reap after the leader's end", func(p *process.Process) {
			if err := unix.Kill(p.Pid(), unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			<-p.Ended()
			p.Reap()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, s, shell("sleep 1000 & echo $!; wait"))
			grandchild := readPid(t, p)
			if !alive(grandchild) {
				t.Fatal("the grandchild does not live")
			}
			test.end(p)
			eventually(t, "the grandchild is dead", func() bool { return !alive(grandchild) })
		})
	}
}

func TestGrandchildThatLeftTheGroupDoesNotBlockReap(t *testing.T) {
	c := player(t, "leaver")
	c.Argv = append([]string{"sh", "-c", `"$0" & read line`}, c.Argv...)
	p := start(t, newStarter(t), c)
	leaver := readPid(t, p)
	p.Kill()
	if exit := p.Reap(); exit.Signal != unix.SIGKILL {
		t.Errorf("leader: %v", exit)
	}
	if !alive(leaver) {
		t.Error("the grandchild did not leave the group: nothing is shown here")
	}
	if err := unix.Kill(leaver, unix.SIGKILL); err != nil {
		t.Error(err)
	}
}

func TestProcessDiesWithUs(t *testing.T) {
	parent := start(t, newStarter(t), player(t, "parent"))
	child := readPid(t, parent)
	if !alive(child) {
		t.Fatal("the child does not live")
	}
	parent.Kill() // the child has a group of its own
	eventually(t, "the child is dead", func() bool { return !alive(child) })
}

func TestLivingProcessesKeepNoThread(t *testing.T) {
	s := newStarter(t)
	if grown := threadsFor(t, s, 40); grown > 10 {
		t.Errorf("40 processes made %d threads", grown)
	}
}

// TestEndIsNoticedWithoutPidfd forbids the thread that starts processes to open pidfds, as a sandbox may.
func TestEndIsNoticedWithoutPidfd(t *testing.T) {
	s := newStarter(t, func() { refuse(t, unix.SYS_PIDFD_OPEN, unix.ENOSYS) })
	if grown := threadsFor(t, s, 40); grown < 30 {
		t.Errorf("40 processes made only %d threads: who waits for them?", grown)
	}
	if exit := start(t, s, shell("exit 5")).Reap(); exit.Code != 5 {
		t.Errorf("got %v", exit)
	}
}

func TestThousandProcessesLeaveNothing(t *testing.T) {
	pids := new(reaper.Pids)
	s := runStarter(t, process.NewStarter(pids))
	warm := start(t, s, shell("exit 0")) // opens the poller
	warm.Reap()
	warm.Close()
	descriptors := len(entries(t, "fd"))
	var starters sync.WaitGroup
	for range 4 {
		starters.Go(func() {
			for i := range 250 {
				p, err := s.Start(shell(fmt.Sprintf("exit %d", i)))
				if err != nil {
					t.Error(err)
					return
				}
				if exit := p.Reap(); exit.Code != i {
					t.Errorf("got %v, want exit code %d", exit, i)
				}
				p.Close()
			}
		})
	}
	starters.Wait()
	if now := len(entries(t, "fd")); now != descriptors {
		t.Errorf("%d descriptors before, %d now", descriptors, now)
	}
	if anyZombie() {
		t.Error("there is a zombie")
	}
	// TestMain looks for goroutines.
}

func TestTwentyOrphansAndHundredDeathsAtOnceLeaveNoZombieAndLoseNoCode(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
			t.Error(err)
		}
	}()
	pids := new(reaper.Pids)
	orphans := runReaper(t, pids)
	s := runStarter(t, process.NewStarter(pids))
	var own []*process.Process
	for i := range 100 {
		script := fmt.Sprintf("read line; exit %d", i)
		if i%5 == 0 {
			script = "sleep 1000 & " + script // killed by Reap, as one of the group
		}
		own = append(own, start(t, s, shell(script)))
	}
	for _, p := range own {
		p.Close() // all end
	}
	begun := time.Now()
	for i, p := range own {
		if exit := p.Reap(); exit.Code != i {
			t.Errorf("got %v, want exit code %d", exit, i)
		}
	}
	eventually(t, "no zombie is left, and 20 orphans are reaped", func() bool {
		return !anyZombie() && orphans.Reaped() == 20
	})
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("that took %v", took)
	}
}

// threadsFor returns how many threads we have more while n processes live.
func threadsFor(t *testing.T, s *process.Starter, n int) int {
	t.Helper()
	before := len(entries(t, "task"))
	var living []*process.Process
	for range n {
		living = append(living, start(t, s, cat))
	}
	for _, p := range living {
		echo(t, p)
	}
	grown := len(entries(t, "task")) - before
	for _, p := range living {
		p.Kill()
		if exit := p.Reap(); exit.Signal != unix.SIGKILL {
			t.Errorf("got %v", exit)
		}
	}
	return grown
}

// readPid reads a pid, the first word of the first line that p writes.
func readPid(t *testing.T, p *process.Process) (pid int) {
	t.Helper()
	if _, err := fmt.Fscan(p.Stdout, &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

// readLine reads a line byte by byte, so that it takes nothing of the next.
func readLine(t *testing.T, p *process.Process) string {
	t.Helper()
	var line []byte
	for b := make([]byte, 1); b[0] != '\n'; line = append(line, b[0]) {
		if _, err := p.Stdout.Read(b); err != nil {
			t.Fatalf("after %q: %v", line, err)
		}
	}
	return strings.TrimSuffix(string(line), "\n")
}
