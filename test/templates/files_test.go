package templates_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "copy the SDKs into the templates anew")

// copies are the folders of templates that are what stands elsewhere: a build wants no registry for them. The other SDKs'
// copies are held equal by the tests of those.
var copies = map[string]string{
	"java-pool/fwatchdog/pom.xml":               "sdk/java/pom.xml",
	"java-pool/fwatchdog/src/main":              "sdk/java/src/main",
	"java-pool-gradle/fwatchdog/src/main":       "sdk/java/src/main",
	"springboot-pool/fwatchdog/pom.xml":         "sdk/java/pom.xml",
	"springboot-pool/fwatchdog/src/main":        "sdk/java/src/main",
	"springboot-pool/fwatchdog-spring/pom.xml":  "sdk/java-spring/pom.xml",
	"springboot-pool/fwatchdog-spring/src/main": "sdk/java-spring/src/main",
}

func TestTheJavaTemplatesCarryTheSDK(t *testing.T) {
	for to, from := range copies {
		to, from := filepath.Join(templates, to), filepath.Join("../..", from)
		if *update {
			if err := os.RemoveAll(to); err != nil {
				t.Fatal(err)
			}
			copyTree(t, from, to)
		}
		want, got := contents(t, from), contents(t, to)
		if len(want) == 0 {
			t.Errorf("%s holds nothing", from)
		}
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%s differs from %s in %q: run this test with -update", to, from, name)
			}
		}
		for name := range got {
			if _, there := want[name]; !there {
				t.Errorf("%s has %q, which %s has not: run this test with -update", to, name, from)
			}
		}
	}
}

// contents are the files at a path, by their names below it.
func contents(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found[strings.TrimPrefix(path, root)] = read(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// everyDockerfile is what the Dockerfile of every template holds.
var everyDockerfile = []string{
	"ARG FWATCHDOG_IMAGE=ghcr.io/fwatchdog/fwatchdog:latest\n",
	"FROM --platform=${TARGETPLATFORM:-linux/amd64} ${FWATCHDOG_IMAGE} AS watchdog\n",
	"COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog\n",
	`ARG ADDITIONAL_PACKAGE=""`,
	`ARG TEST_ENABLED="true"`,
	"\nUSER app\n",
	"\nWORKDIR /home/app\n",
	"\nHEALTHCHECK --interval=3s CMD [ -e /tmp/.lock ] || exit 1\n",
	"\nCMD [\"fwatchdog\"]\n",
}

func TestEveryTemplateIsWhole(t *testing.T) {
	for _, language := range languages(t) {
		t.Run(language, func(t *testing.T) {
			dockerfile := read(t, filepath.Join(templates, language, "Dockerfile"))
			for _, line := range everyDockerfile {
				if !strings.Contains(dockerfile, line) {
					t.Errorf("the Dockerfile has no %q", line)
				}
			}
			yml := read(t, filepath.Join(templates, language, "template.yml"))
			if got := match(yml, `(?m)^language: (.*)$`); got != language {
				t.Errorf("template.yml is of the language %q", got)
			}
			fprocess := match(yml, `(?m)^fprocess: (.*)$`)
			if env := match(dockerfile, `(?m)^ENV fprocess="(.*)"$`); env != fprocess || env == "" {
				t.Errorf("template.yml starts %q, the image %q", fprocess, env)
			}
			checkOutput(t, dockerfile, fprocess)
			if readme := read(t, filepath.Join(templates, language, "README.md")); !strings.HasPrefix(readme, "# "+language+"\n") ||
				!strings.Contains(readme, "faas-cli new --lang "+language+" ") {
				t.Error("README.md is of another template")
			}
		})
	}
}

// checkOutput fails unless runtimes that print on fd 1 by themselves have their frames on fd 3, and a JVM its share of memory.
func checkOutput(t *testing.T, dockerfile, fprocess string) {
	t.Helper()
	program, _, _ := strings.Cut(fprocess, " ")
	if wanted := slices.Contains([]string{"java", "node"}, program); wanted != strings.Contains(dockerfile, "ENV worker_output=\"fd3\"\n") {
		t.Errorf("%s has its frames in the wrong place", program)
	}
	if program == "java" && !strings.Contains(fprocess, " -Xmx{heap_mb}m ") {
		t.Error("the JVM takes its part of the whole container")
	}
}

func match(text, pattern string) string {
	if found := regexp.MustCompile(pattern).FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

// imageName is what everybody copies the binary and the SDKs from.
const imageName = "ghcr.io/fwatchdog/fwatchdog:latest"

func TestTheImageHasOneName(t *testing.T) {
	if !strings.Contains(read(t, "../../Dockerfile"), "COPY --from="+imageName+" ") {
		t.Errorf("the Dockerfile does not say how to copy from %s", imageName)
	}
	if !strings.Contains(read(t, "../../README.md"), "COPY --from="+imageName+" ") {
		t.Errorf("README.md does not say how to copy from %s", imageName)
	}
}
