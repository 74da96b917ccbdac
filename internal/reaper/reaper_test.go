package reaper_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fwatchdog/internal/reaper"
)

func TestNoExitCodeIsLostUnderOrphanLoad(t *testing.T) {
	pids, r := startReaper(t)
	const children, atOnce = 200, 8
	places := make(chan struct{}, atOnce)
	var owners sync.WaitGroup
	for i := range children {
		places <- struct{}{}
		want := i % 256
		// Two orphans: one dies later than its parent, one mostly before it. The second shell knows neither, so that it
		// cannot take their status.
		pid := start(t, pids, fmt.Sprintf("sleep 0.01 & true & exec sh -c 'exit %d'", want))
		owners.Go(func() {
			defer func() { <-places }()
			if got := take(pids, pid); got != want {
				t.Errorf("child %d: got exit code %d, want %d", i, got, want)
			}
		})
	}
	owners.Wait()
	eventually(t, "all orphans are reaped", func() bool { return r.Reaped() == 2*children })
	eventually(t, "no zombie is left", func() bool { return !anyZombie() })
}

func TestOrphansBehindChildWhoseOwnerTakesHisTimeAreReaped(t *testing.T) {
	pids, r := startReaper(t)
	slow := startInFront(t, pids, "exit 7")
	awaitEnd(slow) // and it stays a zombie
	for range 5 {
		orphan, end := makeOrphan(t, pids)
		end()
		awaitEnd(orphan)
	}

	eventually(t, "the orphans are reaped", func() bool { return r.Reaped() == 5 })

	if got := take(pids, slow); got != 7 {
		t.Errorf("got exit code %d of the slow owner's child, want 7", got)
	}
}

func TestOrphanIsReapedAsSoonAsItDies(t *testing.T) {
	pids, r := startReaper(t)
	quicklyEach(t, func() {
		_, end := makeOrphan(t, pids)
		before := r.Reaped()
		end()
		eventually(t, "the orphan is reaped", func() bool { return r.Reaped() == before+1 })
	})
}

func TestOrphanIsReapedAsSoonAsOwnerHasTakenChildInFront(t *testing.T) {
	pids, r := startReaper(t)
	died := make(chan os.Signal, 16)
	signal.Notify(died, unix.SIGCHLD)
	defer signal.Stop(died)
	quicklyEach(t, func() {
		slow := startInFront(t, pids, "exit 0")
		awaitEnd(slow)
		orphan, end := makeOrphan(t, pids)
		before := r.Reaped()
		for len(died) > 0 {
			<-died
		}
		end()
		awaitEnd(orphan)
		<-died
		signal.Notify(died, unix.SIGCHLD) // returns when everybody has been told of the signal, the reaper too
		eventually(t, "the reaper has seen the child in front, and sleeps", asleep)
		take(pids, slow)
		eventually(t, "the orphan is reaped", func() bool { return r.Reaped() == before+1 })
	})
}

// asleep reports whether the one Reaper waits to be woken.
func asleep() bool {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for goroutine := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(goroutine, "(*Reaper).Run(") {
			state, _, _ := strings.Cut(goroutine, "\n")
			return strings.Contains(state, "[select")
		}
	}
	return false
}

// quicklyEach runs round several times and fails the test if hardly one is quick. With a Reaper that nothing wakes, which
// looks once a second, all but the first last a second. A busy machine may be slow.
func quicklyEach(t *testing.T, round func()) {
	t.Helper()
	const rounds = 8
	quick := 0
	for range rounds {
		begun := time.Now()
		round()
		if time.Since(begun) < 800*time.Millisecond {
			quick++
		}
	}
	if quick < 3 {
		t.Errorf("%d rounds of %d were quick", quick, rounds)
	}
}

func TestLivingOrphanIsLeftAlone(t *testing.T) {
	pids, r := startReaper(t)
	_, end := makeOrphan(t, pids)
	dead, endOther := makeOrphan(t, pids)

	endOther()
	awaitEnd(dead)
	eventually(t, "the dead orphan is reaped", func() bool { return r.Reaped() == 1 })

	end() // which it can only hear while it lives
	eventually(t, "the other one is reaped when it has ended", func() bool { return r.Reaped() == 2 })
}

func TestChildThatFailsToStartIsNotEntered(t *testing.T) {
	var pids reaper.Pids
	refused := errors.New("refused")
	if _, err := pids.Start(func() (int, error) { return 123, refused }); !errors.Is(err, refused) {
		t.Errorf("got %v, want the error of the start", err)
	}
	if pids.Own(123) {
		t.Error("the pid of a failed start is in the set")
	}
}

func TestChildIsOwnFromItsStartUntilItIsTaken(t *testing.T) {
	var pids reaper.Pids
	pid := start(t, &pids, "exit 3")
	if !pids.Own(pid) {
		t.Error("a started child is not in the set")
	}
	if got := take(&pids, pid); got != 3 {
		t.Errorf("got exit code %d, want 3", got)
	}
	if pids.Own(pid) {
		t.Error("a taken child is still in the set")
	}
}

func TestPidLeavesSetBeforeAnotherChildCanHaveIt(t *testing.T) {
	var pids reaper.Pids
	pid := start(t, &pids, "exit 0")
	awaitEnd(pid)
	pids.Take(pid, func() {
		if pids.Own(pid) {
			t.Error("still in the set when its number becomes free: the next child with it would lose its owner")
		}
		_, _ = unix.Wait4(pid, nil, 0, nil) // its status is of no interest
	})
}

func TestReaperIsNeededByInitAndByChildSubreaper(t *testing.T) {
	if !reaper.Needed() {
		t.Fatal("not needed, though orphans become our children")
	}
	if os.Getenv(asInit) != "" {
		return // PID 1 stays what it is
	}
	setSubreaper(t, 0)
	defer setSubreaper(t, 1)
	if reaper.Needed() {
		t.Error("needed, though orphans go to another process")
	}
}

// startReaper runs a Reaper for the time of the test.
func startReaper(t *testing.T) (*reaper.Pids, *reaper.Reaper) {
	t.Helper()
	pids := new(reaper.Pids)
	r := reaper.New(pids)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return pids, r
}

// start starts a shell with the given descriptors, or with ours.
func start(t *testing.T, pids *reaper.Pids, script string, files ...uintptr) int {
	t.Helper()
	pid, err := pids.Start(shell(script, files...))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func shell(script string, files ...uintptr) (start func() (int, error)) {
	if len(files) == 0 {
		files = []uintptr{0, 1, 2}
	}
	attr := &syscall.ProcAttr{Env: os.Environ(), Files: files}
	return func() (int, error) { return syscall.ForkExec("/bin/sh", []string{"sh", "-c", script}, attr) }
}

// startInFront starts a shell that the kernel shows before all orphans that are yet to come. It shows the children of one
// thread after those of another; orphans join those of the main thread, at the end, and so do the children of a thread
// that has ended.
func startInFront(t *testing.T, pids *reaper.Pids, script string) (pid int) {
	t.Helper()
	var thread int
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever, so the thread ends with this goroutine
		thread = unix.Gettid()
		var err error
		pid, err = pids.Start(shell(script))
		started <- err
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	eventually(t, "the thread has ended", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread))
		return err != nil || thread == os.Getpid() // the main thread stays
	})
	return pid
}

// makeOrphan returns an orphan that is our child and lives until end is called.
func makeOrphan(t *testing.T, pids *reaper.Pids) (pid int, end func()) {
	t.Helper()
	stdin, endStdin := pipe(t)
	fromChild, stdout := pipe(t)
	parent := start(t, pids, "cat <&3 & echo $!", 0, stdout.Fd(), 2, stdin.Fd())
	closeFile(t, stdin)
	closeFile(t, stdout)
	if _, err := fmt.Fscan(fromChild, &pid); err != nil {
		t.Fatal(err)
	}
	closeFile(t, fromChild)
	take(pids, parent)
	return pid, func() { closeFile(t, endStdin) }
}

// awaitEnd returns once pid is dead, and leaves it a zombie.
func awaitEnd(pid int) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// take waits for the end of pid as its owner and returns its exit code.
func take(pids *reaper.Pids, pid int) (code int) {
	awaitEnd(pid)
	pids.Take(pid, func() {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err != nil {
			code = -1 // somebody took it before
			return
		}
		code = status.ExitStatus()
	})
	return code
}

func setSubreaper(t *testing.T, on uintptr) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

func closeFile(t *testing.T, f *os.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// anyZombie reports whether a child of ours is dead and not reaped.
func anyZombie() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}

// eventually fails the test unless holds becomes true within ten seconds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	deadline := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("after ten seconds still not: %s", what)
		}
	}
}
