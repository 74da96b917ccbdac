package supervisor

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
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
	for _, m := range memberships(root) {
		switch {
		case slices.Contains(m.controllers, "memory"):
			return cgroup{upward(v1Root, m.path), "memory.limit_in_bytes", "memory.usage_in_bytes"}
		case m.version2 && exists(root, v2Root+"/cgroup.controllers"):
			return cgroup{upward(v2Root, m.path), "memory.max", "memory.current"}
		}
	}
	return cgroup{}
}

// membership is a group that this process is in: of version 2, or of some controllers of version 1.
type membership struct {
	version2    bool
	controllers []string
	path        string
}

// memberships are those of this process, in the kernel's order; none when it does not tell.
func memberships(root fs.FS) []membership {
	var all []membership
	for line := range strings.Lines(text(root, "proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3) // hierarchy:controllers:path
		if len(parts) == 3 {
			all = append(all, membership{parts[0] == "0", strings.Split(parts[1], ","), parts[2]})
		}
	}
	return all
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
	_, limit := c.tightest(root)
	return min(machine, limit)
}

// used returns what is taken, in bytes, of the tightest group, which is in folder, without the part of the page cache that the
// kernel gives back when it must; 0 when it cannot be told.
func (c cgroup) used(root fs.FS, folder string) int64 {
	usage, err := number(root, folder+"/"+c.usage)
	if err != nil {
		return 0
	}
	return max(0, usage-inactiveFile(root, folder+"/memory.stat"))
}

// tightest returns the folder of the group with the smallest limit on the way to the root; without any limit, the innermost
// that is there.
func (c cgroup) tightest(root fs.FS) (folder string, limit int64) {
	limit = math.MaxInt64
	for _, f := range c.folders {
		found, err := number(root, f+"/"+c.limit)
		switch {
		case err == nil && found > 0 && found < limit:
			folder, limit = f, found
		case folder == "" && exists(root, f+"/"+c.usage):
			folder = f
		}
	}
	return folder, limit
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
