package supervisor

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// cgroup is the memory controller of the container that we run in. The kernel kills when its limit is reached, so nothing
// here may come near it.
type cgroup struct {
	folders []string // from our own to the root; empty when there is no controller
	limit   string   // the files' names differ between the versions
	usage   string
}

const (
	v2Root = "sys/fs/cgroup"
	v1Root = "sys/fs/cgroup/memory"
)

// findCgroup finds the memory controller of this process in a file system, usually that of "/".
func findCgroup(root fs.FS) cgroup {
	file, err := root.Open("proc/self/cgroup")
	if err != nil {
		return cgroup{}
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		parts := strings.SplitN(lines.Text(), ":", 3) // hierarchy:controllers:path
		if len(parts) != 3 {
			continue
		}
		switch {
		case parts[1] == "memory" || strings.Contains(","+parts[1]+",", ",memory,"):
			return cgroup{upward(v1Root, parts[2]), "memory.limit_in_bytes", "memory.usage_in_bytes"}
		case parts[0] == "0" && exists(root, v2Root+"/cgroup.controllers"):
			return cgroup{upward(v2Root, parts[2]), "memory.max", "memory.current"}
		}
	}
	return cgroup{}
}

// upward lists the folder at below and all above it up to root. In a container below may be a path of the host's that is
// not there; the root is.
func upward(root, below string) []string {
	var folders []string
	for below = path.Clean("/" + below); below != "/"; below = path.Dir(below) {
		folders = append(folders, root+below)
	}
	return append(folders, root)
}

func exists(root fs.FS, name string) bool {
	_, err := fs.Stat(root, name)
	return err == nil
}

// budget returns the memory that the container may take, in bytes: the smallest limit on the way to the root, or the
// machine's when there is none.
func (c cgroup) budget(root fs.FS, machine int64) int64 {
	least := machine
	for _, folder := range c.folders {
		if limit, err := number(root, folder+"/"+c.limit); err == nil && limit > 0 {
			least = min(least, limit)
		}
	}
	return least
}

// used returns what the container takes, in bytes, without the part of the page cache that the kernel gives back when it
// must; 0 when it cannot be told.
func (c cgroup) used(root fs.FS) int64 {
	for _, folder := range c.folders {
		if usage, err := number(root, folder+"/"+c.usage); err == nil {
			return max(0, usage-inactiveFile(root, folder+"/memory.stat"))
		}
	}
	return 0
}

// inactiveFile reads one row of memory.stat; version 1 has it with the groups below in total_inactive_file.
func inactiveFile(root fs.FS, name string) int64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	var found int64
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key == "inactive_file" && found == 0 || key == "total_inactive_file" {
			found, _ = strconv.ParseInt(value, 10, 64) // the kernel's own number
		}
	}
	return found
}

// errNone is the limit of a group that has none.
var errNone = errors.New("no limit")

func number(root fs.FS, name string) (int64, error) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, err
	}
	word := strings.TrimSpace(string(text))
	if word == "max" {
		return 0, errNone
	}
	return strconv.ParseInt(word, 10, 64)
}

// filesystem is where the kernel shows cgroups.
func filesystem() fs.FS { return os.DirFS("/") }
