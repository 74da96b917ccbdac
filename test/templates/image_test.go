package templates_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// An image is built here without a container: every stage is a folder in which the absolute paths of the Dockerfile begin, and
// every RUN is run. What only root in a container can do, such as installing a package, is done by stand-ins that do nothing.

// stage is what a FROM begins. The last one is the image.
type stage struct {
	root    string // of its file system
	workdir string
	env     map[string]string // ARG and ENV; paths are of this machine
	cmd     string
	health  string
}

// builder reads a Dockerfile.
type builder struct {
	t       *testing.T
	context string   // the shrink-wrapped folder
	base    []string // the environment of every RUN
	dir     string   // where the stages' folders lie
	global  map[string]string
	stages  map[string]*stage // by their names; those that a COPY may name without a FROM are there from the start
	last    *stage
	count   int
}

// containerPath is a path of the Dockerfile's that lies in a stage. /dev is this machine's.
var containerPath = regexp.MustCompile(`(^|[\s=:"'>])(/(?:home|usr|var|go|tmp|src|out|sdk|fwatchdog)\b)`)

// pairs are what an ENV sets.
var pairs = regexp.MustCompile(`(\w+)=("[^"]*"|\S*)`)

// inside turns the absolute paths of a text into paths below the stage's root.
func (s *stage) inside(text string) string {
	return containerPath.ReplaceAllString(text, "${1}"+s.root+"${2}")
}

// build builds the image of a shrink-wrapped folder. watchdog is the binary that its first stage holds.
func build(t *testing.T, context, watchdog string, base []string) *stage {
	t.Helper()
	return (&builder{t: t, context: context, base: base, dir: t.TempDir(), stages: map[string]*stage{}}).build(watchdog)
}

func (b *builder) build(watchdog string) *stage {
	b.t.Helper()
	b.global = map[string]string{}
	for _, line := range instructions(b.t, filepath.Join(b.context, "Dockerfile")) {
		word, rest, _ := strings.Cut(line, " ")
		b.do(word, strings.TrimSpace(rest), watchdog)
	}
	return b.last
}

// instructions are the lines of a Dockerfile, with continued ones joined and comments left out.
func instructions(t *testing.T, file string) []string {
	t.Helper()
	var lines []string
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(read(t, file), "")
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func (b *builder) do(word, rest, watchdog string) {
	b.t.Helper()
	switch word {
	case "FROM":
		b.from(rest, watchdog)
	case "ARG":
		b.arg(rest)
	case "ENV":
		for _, pair := range pairs.FindAllStringSubmatch(rest, -1) {
			b.last.env[pair[1]] = b.expand(b.last.inside(unquote(pair[2])))
		}
	case "WORKDIR":
		b.last.workdir = b.last.root + rest
		b.must(os.MkdirAll(b.last.workdir, 0o755))
	case "COPY":
		b.copy(strings.Fields(b.expand(rest)))
	case "RUN":
		b.run(b.last.inside(rest))
	case "USER":
		b.last.env["USER"] = rest
	case "CMD":
		b.last.cmd = rest
	case "EXPOSE", "ENTRYPOINT": // of the image that is there to be copied from
	case "HEALTHCHECK":
		_, command, _ := strings.Cut(rest, " CMD ")
		b.last.health = command
	default:
		b.t.Fatalf("no idea of the instruction %s %s", word, rest)
	}
}

// from begins a stage. None of the images is here: the watchdog's is its binary, the others are this machine.
func (b *builder) from(rest, watchdog string) {
	b.count++
	fields := strings.Fields(b.expand(rest))
	root := filepath.Join(b.dir, fmt.Sprint("stage", b.count))
	s := &stage{root: root, workdir: root, env: map[string]string{}}
	for _, dir := range []string{"tmp", "usr/bin", "home/app"} {
		b.must(os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	b.last = s
	if i := len(fields) - 2; i > 0 && fields[i] == "AS" {
		b.stages[fields[i+1]] = s
		if fields[i+1] == "watchdog" {
			copyTree(b.t, watchdog, filepath.Join(root, "fwatchdog"))
		}
	}
}

func (b *builder) arg(rest string) {
	for _, one := range strings.SplitAfter(rest, " ") { // a value with a blank is alone and quoted
		if strings.Contains(rest, `"`) {
			one = rest
		}
		name, value, _ := strings.Cut(strings.TrimSpace(one), "=")
		if b.last == nil {
			b.global[name] = unquote(value)
		} else if _, known := b.last.env[name]; !known {
			b.last.env[name] = unquote(value)
		}
	}
}

// expand puts the values of ARG and ENV in the place of their names. What is not known is the machine's, as PATH is.
func (b *builder) expand(text string) string {
	return os.Expand(text, func(name string) string {
		name, otherwise, _ := strings.Cut(name, ":-")
		if b.last != nil && b.last.env[name] != "" {
			return b.last.env[name]
		}
		if b.global[name] != "" {
			return b.global[name]
		}
		for _, pair := range b.base {
			if value, found := strings.CutPrefix(pair, name+"="); found {
				return value
			}
		}
		return otherwise
	})
}

// copy does COPY [--from=STAGE] [--chown=USER] SOURCE... DESTINATION.
func (b *builder) copy(words []string) {
	b.t.Helper()
	from, sources := b.context, []string{}
	for _, word := range words {
		if name, found := strings.CutPrefix(word, "--from="); found {
			if b.stages[name] == nil {
				b.t.Fatalf("COPY from %s, which is no stage", name)
			}
			from = b.stages[name].root
		} else if !strings.HasPrefix(word, "--") {
			sources = append(sources, word)
		}
	}
	to := sources[len(sources)-1]
	path := filepath.Join(b.last.workdir, to)
	if filepath.IsAbs(to) {
		path = b.last.root + to
	}
	for _, source := range sources[:len(sources)-1] {
		found, err := filepath.Glob(filepath.Join(from, source))
		b.must(err)
		if len(found) == 0 {
			b.t.Fatalf("COPY %s: there is no such file", source)
		}
		for _, file := range found {
			b.copyOne(file, path, strings.HasSuffix(to, "/") || to == ".")
		}
	}
}

// copyOne copies a file to a name or into a folder, and of a folder what is in it.
func (b *builder) copyOne(file, to string, into bool) {
	info, err := os.Stat(file)
	b.must(err)
	if into && !info.IsDir() {
		to = filepath.Join(to, filepath.Base(file))
	}
	copyTree(b.t, file, to)
}

func (b *builder) run(script string) {
	b.t.Helper()
	command := exec.Command("sh", "-c", script)
	command.Dir = b.last.workdir
	command.Env = b.last.environ(b.base)
	if out, err := command.CombinedOutput(); err != nil {
		b.t.Fatalf("RUN %s\n%v\n%s", script, err, out)
	}
}

// environ is the environment of a process in the stage.
func (s *stage) environ(base []string) []string {
	env := append(append([]string{}, base...), "HOME="+s.root+"/home/app", "TMPDIR="+s.root+"/tmp")
	for name, value := range s.env {
		env = append(env, name+"="+value)
	}
	return env
}

// command is an instruction's command, in the stage: a JSON list of words, or a line for the shell.
func (s *stage) command(text string) *exec.Cmd {
	var argv []string
	if json.Unmarshal([]byte(text), &argv) != nil {
		argv = []string{"sh", "-c", s.inside(text)}
	} else if own := filepath.Join(s.root, "usr/bin", argv[0]); exists(own) {
		argv[0] = own
	}
	command := exec.Command(argv[0], argv[1:]...)
	command.Dir = s.workdir
	return command
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (b *builder) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func unquote(text string) string { return strings.Trim(text, `"`) }

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// copyTree copies a file, or what is in a folder.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-R", "-T", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
