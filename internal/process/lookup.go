package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// findProgram returns the path of the program that c names. A relative directory in PATH is passed over: which program
// it means would depend on the working directory.
func (c *Command) findProgram() (string, error) {
	name := c.Argv[0]
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := c.variable("PATH")
	denied := ""
	for _, dir := range filepath.SplitList(path) {
		candidate := filepath.Join(dir, name)
		info, err := os.Stat(candidate)
		if err != nil || info.IsDir() || !filepath.IsAbs(dir) {
			continue
		}
		if info.Mode()&0o111 != 0 {
			return candidate, nil
		}
		denied = candidate
	}
	if denied != "" {
		return "", fmt.Errorf("%w: %s has no execute permission", ErrNotExecutable, denied)
	}
	return "", fmt.Errorf("%w in its PATH %q", ErrNotFound, path)
}

// Without is an environment in which variables of these names are not.
func Without(environ []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(names, name)
	})
}

// variable returns a variable as the process will see it: of several of one name the first.
func (c *Command) variable(name string) string {
	for _, entry := range c.Env {
		if key, value, _ := strings.Cut(entry, "="); key == name {
			return value
		}
	}
	return ""
}
