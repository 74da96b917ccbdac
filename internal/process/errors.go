package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

var (
	// ErrNotFound means that there is no such program. Where an exit code has to tell it, that is 127.
	ErrNotFound = errors.New("program not found")
	// ErrNotExecutable means that there is such a file, but that it cannot be run. Where an exit code has to tell it,
	// that is 126.
	ErrNotExecutable = errors.New("program cannot be executed")
	// ErrStopped means that Run has ended, so that nothing is started any more.
	ErrStopped = errors.New("starter has stopped")
)

// explain turns the errno of a failed start into words that name its cause.
func (c *Command) explain(program string, err error) error {
	if dir, dirErr := os.Stat(c.Dir); c.Dir != "" && (dirErr != nil || !dir.IsDir()) {
		return fmt.Errorf("working directory %s: %w", c.Dir, errors.Join(dirErr, err))
	}
	file, missing := os.Stat(c.path(program))
	switch {
	case errors.Is(err, syscall.ENOENT):
		if missing == nil {
			return fmt.Errorf("%w: %s is there, but %s: %w", ErrNotExecutable, program, c.lost(program), err)
		}
		return fmt.Errorf("%w: %s: %w", ErrNotFound, program, err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: %s: %w", ErrNotFound, program, err)
	case errors.Is(err, syscall.EACCES) && missing == nil && file.IsDir():
		return fmt.Errorf("%w: %s is a folder", ErrNotExecutable, program)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: %s: %w", ErrNotExecutable, program, err)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%w: %s is no binary of this machine and has no #! line: %w", ErrNotExecutable, program, err)
	case errors.Is(err, syscall.EAGAIN):
		return fmt.Errorf("the limit of processes is reached (pids.max of the container, or RLIMIT_NPROC): %w", err)
	case errors.Is(err, syscall.EPERM) && c.User != nil:
		return fmt.Errorf("user %d, group %d: to change them needs the capabilities SETUID and SETGID: %w",
			c.User.Uid, c.User.Gid, err)
	case errors.Is(err, syscall.EPERM) && c.Nofile != 0:
		return fmt.Errorf("to set its descriptor limit the process must be traced, which this machine refuses: %w", err)
	}
	return err
}

// path is where the process would see program from its working directory.
func (c *Command) path(program string) string {
	if filepath.IsAbs(program) {
		return program
	}
	return filepath.Join(c.Dir, program)
}

// lost says what a program names that is not there: the interpreter of its first line, or, in a binary, its loader.
func (c *Command) lost(program string) string {
	file, err := os.Open(c.path(program))
	if err != nil {
		return "the interpreter or loader that it names is not"
	}
	defer file.Close()
	start := make([]byte, 256) // as much as the kernel looks at
	n, _ := io.ReadFull(file, start)
	line, _, _ := strings.Cut(string(start[:n]), "\n")
	named, script := strings.CutPrefix(line, "#!")
	switch {
	case !script:
		return "the loader that it names is not"
	case strings.HasSuffix(named, "\r"):
		return fmt.Sprintf("the interpreter of its first line is not: %q; its lines end with \\r\\n, as on Windows", strings.TrimSpace(named)+"\r")
	}
	return fmt.Sprintf("the interpreter of its first line is not: %q", strings.TrimSpace(named))
}
