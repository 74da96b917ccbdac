package process_test

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fwatchdog/internal/process"
)

var cat = process.Command{Argv: []string{"cat"}, Env: path}

func TestProcessHasNoOtherDescriptorsThanItsPipes(t *testing.T) {
	// One that we inherited would look like this: it has no close-on-exec flag.
	inherited, err := unix.Open("/dev/null", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(inherited) }()
	s := newStarter(t)
	start(t, s, cat) // its pipes are no other process's
	three := cat
	three.FD3 = true
	for _, test := range []struct {
		name    string
		command process.Command
		want    []string
	}{
		{"two outputs", cat, []string{"0", "1", "2"}},
		{"three outputs", three, []string{"0", "1", "2", "3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, s, test.command)
			echo(t, p) // its loader has closed what it had opened
			folder := fmt.Sprintf("/proc/%d/fd", p.Pid())
			list, err := os.ReadDir(folder)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, entry := range list {
				got = append(got, entry.Name())
				target, err := os.Readlink(folder + "/" + entry.Name())
				if err != nil || !strings.HasPrefix(target, "pipe:") {
					t.Errorf("descriptor %s is %q, %v", entry.Name(), target, err)
				}
				if flagsOf(t, p.Pid(), entry.Name())&unix.O_NONBLOCK != 0 {
					t.Errorf("descriptor %s is non-blocking", entry.Name())
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got descriptors %v, want %v", got, test.want)
			}
		})
	}
}

func TestSignalsThatWeIgnoreOrCatchAreAtTheirDefaultInTheProcess(t *testing.T) {
	s := newStarter(t)
	start(t, s, cat) // so its thread is set up: it must see also what is ignored from now on
	ignored := []os.Signal{unix.SIGTTIN, unix.SIGTTOU, unix.SIGTERM, unix.SIGPIPE, unix.SIGHUP}
	signal.Ignore(ignored...)
	defer signal.Reset(ignored...)
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, unix.SIGUSR1)
	defer signal.Stop(caught)

	p := start(t, s, cat)

	ignoresNothing(t, statusOf(p.Pid(), "SigIgn"))
	// To us they must be as good as ignored. A thread that signals itself has taken the signal when the call returns.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func TestSignalsIgnoredSinceOurBirthAreAtTheirDefaultInTheProcess(t *testing.T) {
	// A shell hands on what it ignores; the players' own children are asked for.
	parent := player(t, "parent")
	parent.Argv = append([]string{"sh", "-c", `trap "" TTIN TTOU TSTP HUP INT; exec "$0"`}, parent.Argv...)
	p := start(t, newStarter(t), parent)
	var child int
	var own, childs uint64
	var ignored string
	scanPlayer(t, p, &child, &own, &childs, &ignored)
	ignoresNothing(t, ignored)
}

// ignoresNothing fails the test when a process ignores a signal. Numbers 32 and 33 are the C library's own: its
// posix_spawn, with which GNU make starts us, leaves them ignored, and no Go program can change that.
func ignoresNothing(t *testing.T, mask string) {
	t.Helper()
	signals, err := strconv.ParseUint(mask, 16, 64)
	if err != nil || signals&^(1<<31|1<<32) != 0 {
		t.Errorf("the process ignores %q", mask)
	}
}

func TestSignalsThatWeBlockAreNotBlockedInTheProcess(t *testing.T) {
	blocked := make(chan string, 1)
	s := newStarter(t, func() {
		var set unix.Sigset_t
		set.Val[0] = 1<<(unix.SIGTERM-1) | 1<<(unix.SIGUSR1-1)
		if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil); err != nil {
			t.Error(err)
		}
		blocked <- statusOf(unix.Gettid(), "SigBlk")
	})
	if mask := <-blocked; strings.Trim(mask, "0") == "" {
		t.Fatalf("the thread blocks nothing: %q", mask)
	}
	p := start(t, s, cat)
	if mask := statusOf(p.Pid(), "SigBlk"); strings.Trim(mask, "0") != "" || mask == "" {
		t.Errorf("the process blocks %q", mask)
	}
}

func TestProcessAloneGetsNoNewPrivileges(t *testing.T) {
	before := statusOf(os.Getpid(), "NoNewPrivs")
	p := start(t, newStarter(t), cat)
	if got := statusOf(p.Pid(), "NoNewPrivs"); got != "1" {
		t.Errorf("NoNewPrivs of the process is %q", got)
	}
	if before == "1" {
		return // we have none to lose
	}
	eventually(t, "one thread of ours has lost privileges, and no other", func() bool {
		lost := 0
		for _, thread := range entries(t, "task") {
			id, err := strconv.Atoi(thread)
			if err != nil {
				t.Fatal(err)
			}
			if statusOf(id, "NoNewPrivs") == "1" {
				lost++
			}
		}
		return lost == 1 // threads of the tests before are on their way out
	})
}

func TestProcessGetsTheDescriptorLimitThatWeWereStartedWith(t *testing.T) {
	parent := player(t, "parent")
	parent.Argv = append([]string{"sh", "-c", `ulimit -Sn 123; exec "$0"`}, parent.Argv...)
	p := start(t, newStarter(t), parent)
	var child int
	var own, childs uint64
	var ignored string
	scanPlayer(t, p, &child, &own, &childs, &ignored)
	if own == 123 {
		t.Fatal("the runtime did not raise the limit: nothing is shown here")
	}
	if childs != 123 {
		t.Errorf("limit of the process is %d, want 123", childs)
	}
}

func TestDescriptorLimitIsSetBeforeTheProgramRuns(t *testing.T) {
	c := shell("ulimit -Sn; ulimit -Hn")
	c.Nofile = 64
	s := newStarter(t)
	for range 20 {
		if got := outputOf(t, s, c); got != "64\n64\n" {
			t.Fatalf("limits are %q", got)
		}
	}
}

func TestDescriptorLimitOverOursIsRefusedWithReason(t *testing.T) {
	var ours unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &ours); err != nil {
		t.Fatal(err)
	}
	s := newStarter(t, func() { dropCapabilities(t) })
	c := shell("true")
	c.Nofile = ours.Max + 1
	_, err := s.Start(c)
	if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "SYS_RESOURCE") {
		t.Errorf("got %v", err)
	}
	if anyZombie() {
		t.Error("a failed start left a zombie")
	}
}

// TestProcessRunsAsTheUserAskedFor asks for another user where that is allowed, and for ourselves where it is not.
func TestProcessRunsAsTheUserAskedFor(t *testing.T) {
	s := newStarter(t)
	want := process.User{Uid: 65534, Gid: 65533, Groups: []uint32{7, 65533}}
	if os.Geteuid() != 0 {
		want = us(t)
	}
	c := shell("true; read line")
	c.User = &want
	p := start(t, s, c)
	uid, gid := fmt.Sprint(want.Uid), fmt.Sprint(want.Gid)
	if got := strings.Fields(statusOf(p.Pid(), "Uid")); !slices.Equal(got, []string{uid, uid, uid, uid}) {
		t.Errorf("user %v, want %s", got, uid)
	}
	if got := strings.Fields(statusOf(p.Pid(), "Gid")); !slices.Equal(got, []string{gid, gid, gid, gid}) {
		t.Errorf("group %v, want %s", got, gid)
	}
	var groups []string
	for _, group := range want.Groups {
		groups = append(groups, fmt.Sprint(group))
	}
	if got := strings.Fields(statusOf(p.Pid(), "Groups")); !slices.Equal(got, groups) {
		t.Errorf("groups %v, want %v", got, groups)
	}
}

// TestOtherUsersDescriptorsAreLimitedWithoutMoreCapabilities leaves no capability but those that a container usually has.
func TestOtherUsersDescriptorsAreLimitedWithoutMoreCapabilities(t *testing.T) {
	c := shell("ulimit -Sn; ulimit -Hn; id -u; id -g")
	c.Nofile = 64
	want := "64\n64\n65534\n65533\n"
	c.User = &process.User{Uid: 65534, Gid: 65533}
	if os.Geteuid() != 0 {
		user := us(t)
		c.User, want = &user, fmt.Sprintf("64\n64\n%d\n%d\n", os.Getuid(), os.Getgid())
	}
	s := newStarter(t, func() { keepCapabilities(t, unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_KILL) })
	for range 5 {
		if got := outputOf(t, s, c); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestOtherUserMayOpenItsPipesByName(t *testing.T) {
	c := shell("echo by name > /proc/self/fd/1 && echo there > /dev/stderr && echo well > /proc/self/fd/1")
	c.User = &process.User{Uid: 65534, Gid: 65534}
	if os.Geteuid() != 0 {
		user := us(t)
		c.User = &user
	}
	if got := outputOf(t, newStarter(t), c); got != "by name\nwell\n" {
		t.Errorf("it wrote %q", got)
	}
}

func TestEverybodyMayAskForHimself(t *testing.T) {
	s := newStarter(t, func() { dropCapabilities(t) })
	c := shell("true")
	user := us(t)
	c.User = &user
	outputOf(t, s, c)
}

func TestOtherUserWithoutCapabilityIsRefusedWithReason(t *testing.T) {
	s := newStarter(t, func() { dropCapabilities(t) })
	c := shell("true")
	user := us(t)
	user.Groups = append(user.Groups, 4711)
	c.User = &user
	_, err := s.Start(c)
	if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "SETUID") {
		t.Errorf("got %v", err)
	}
}

// us is the user as whom the test runs.
func us(t *testing.T) process.User {
	t.Helper()
	ours, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	user := process.User{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
	for _, group := range ours {
		user.Groups = append(user.Groups, uint32(group))
	}
	return user
}

// keepCapabilities takes all capabilities but some from the calling thread.
func keepCapabilities(t *testing.T, kept ...int) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		t.Error(err)
		return
	}
	var mask uint32
	for _, capability := range kept {
		mask |= 1 << capability
	}
	sets[0].Effective, sets[0].Permitted = sets[0].Effective&mask, sets[0].Permitted&mask
	sets[1].Effective, sets[1].Permitted = 0, 0
	if err := unix.Capset(&header, &sets[0]); err != nil {
		t.Error(err)
	}
}

// dropCapabilities takes all capabilities from the calling thread. An ordinary user has none to lose.
func dropCapabilities(t *testing.T) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		t.Error(err)
	}
}

// scanPlayer reads what the player "parent" says.
func scanPlayer(t *testing.T, p *process.Process, said ...any) {
	t.Helper()
	if _, err := fmt.Fscanln(p.Stdout, said...); err != nil {
		p.Kill()
		t.Fatalf("%v; stderr %q", err, readAll(t, p.Stderr))
	}
}

// flagsOf returns the flags with which a process has a descriptor open.
func flagsOf(t *testing.T, pid int, fd string) int {
	t.Helper()
	info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, fd))
	if err != nil {
		t.Fatal(err)
	}
	var position, flags int
	if _, err := fmt.Sscanf(string(info), "pos:\t%d\nflags:\t%o", &position, &flags); err != nil {
		t.Fatal(err)
	}
	return flags
}
