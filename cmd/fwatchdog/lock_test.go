package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestLockFileThatCannotBeWrittenIsExplained(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]string{file + "/below": "not a directory", "/proc/x": "no such file or directory"} {
		t.Setenv("TMPDIR", folder)
		_, err := writeLock()
		if err == nil || !strings.Contains(err.Error(), folder+"/.lock: ") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v", folder, err)
		}
	}
}

func TestLockFileIsNoOtherFileAndNothingThatOneWaitsFor(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	other, lock := folder+"/other", folder+"/.lock"
	if err := os.WriteFile(other, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func() error{
		"a link": func() error { return os.Symlink(other, lock) },
		"a pipe": func() error { return syscall.Mkfifo(lock, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := plant(); err != nil {
				t.Fatal(err)
			}
			written := make(chan error, 1)
			go func() {
				_, err := writeLock()
				written <- err
			}()
			select {
			case err := <-written:
				if err == nil {
					t.Error("it was written")
				}
			case <-time.After(patience):
				t.Fatal("the start waits for somebody to read the pipe")
			}
			if err := os.Remove(lock); err != nil {
				t.Fatal(err)
			}
		})
	}
	if text, err := os.ReadFile(other); string(text) != "precious" || err != nil {
		t.Errorf("the other file has %q, %v", text, err)
	}
}
