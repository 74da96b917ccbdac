package main

import (
	"fmt"
	"os"
	"path/filepath"
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
		err = os.WriteFile(path, nil, 0o660)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write the lock file %s: set suppress_lock=true or TMPDIR: %w", path, err)
	}
	return func() { _ = os.Remove(path) }, nil // somebody may have removed it
}
