package main

import (
	"os"
	"strings"
	"testing"
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
