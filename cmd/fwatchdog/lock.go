package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockPath is where the lock file of the OpenFaaS watchdogs lies.
func lockPath() string { return filepath.Join(os.TempDir(), ".lock") }

// lockPresent reports whether the lock file is there.
func lockPresent() bool {
	_, err := os.Stat(lockPath())
	return err == nil
}

// writeLock makes the lock file, which says that the instance is healthy to whoever cannot ask by HTTP.
func writeLock() (remove func(), err error) {
	path := lockPath()
	if err = os.MkdirAll(filepath.Dir(path), 0o777); err == nil {
		err = touch(path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write the lock file %s: set suppress_lock=true or TMPDIR: %w", path, err)
	}
	return func() { _ = os.Remove(path) }, nil // somebody may have removed it
}

// touch makes a file that may be there already, and changes none: in a folder of everybody's the name may lead to another file, or
// to a pipe on which one would wait.
func touch(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o660)
	if err != nil {
		return err
	}
	return file.Close()
}
