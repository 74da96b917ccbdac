package reaper_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	// asInit is set for a test binary that is PID 1 of a namespace of its own.
	asInit = "REAPER_TEST_AS_INIT"
	// refused is the exit code of such a binary when it may not set up its namespace.
	refused = 77
)

// TestAllTestsHoldForInit runs all other tests once more, as PID 1 of a namespace.
func TestAllTestsHoldForInit(t *testing.T) {
	if os.Getenv(asInit) != "" {
		return // this is the second run
	}
	init := exec.Command("/proc/self/exe", "-test.v", "-test.timeout=60s")
	init.Env = append(os.Environ(), asInit+"=1")
	init.SysProcAttr = namespaces()
	output, err := init.CombinedOutput()
	if init.ProcessState == nil || init.ProcessState.ExitCode() == refused {
		loud := fmt.Sprintf("THIS MACHINE REFUSES A PID NAMESPACE: that the reaper works as PID 1 was NOT shown here,"+
			" only that it works as a child subreaper: %v %s", err, output)
		fmt.Fprintln(os.Stderr, loud)
		t.Skip(loud)
	}
	if err != nil {
		t.Fatalf("as PID 1: %v\n%s", err, output)
	}
	if passed := strings.Count(string(output), "--- PASS"); passed < 7 {
		t.Errorf("only %d tests passed as PID 1:\n%s", passed, output)
	}
}

// namespaces asks for a PID and a mount namespace, by way of a user namespace for those who may not have them otherwise.
func namespaces() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// mountProc gives a PID namespace the /proc that shows it.
func mountProc() error {
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}
