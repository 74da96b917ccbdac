package reaper_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// TestMain sees to it that orphans become children of the test binary: as PID 1, or as a child subreaper.
func TestMain(m *testing.M) {
	if os.Getenv(asInit) != "" {
		if err := mountProc(); err != nil {
			fmt.Println(err)
			os.Exit(refused)
		}
	} else if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "become a child subreaper:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
