package fwatchdog_test

import (
	"os"
	"regexp"
	"testing"
)

// versions are the files that say which version this is, and how.
var versions = []struct{ file, pattern string }{
	{"cmd/fwatchdog/main.go", `(?m)^var version = "(.*)"$`},
	{"sdk/node/package.json", `(?m)^  "version": "(.*)",$`},
	{"sdk/python/pyproject.toml", `(?m)^version = "(.*)"$`},
	{"sdk/python/src/fwatchdog/__init__.py", `(?m)^__version__ = "(.*)"$`},
	{"sdk/python/src/fwatchdog/serve.py", `(?m)^SDK = "python/(.*)"$`},
	{"sdk/go/worker.go", `(?m)^const sdk = "go/(.*)"$`},
	{"sdk/java/pom.xml", `<artifactId>fwatchdog</artifactId>\s*<version>(.*)</version>`},
	{"sdk/java/src/main/java/io/fwatchdog/Worker.java", `SDK = "java/(.*)"`},
	{"sdk/java-spring/pom.xml", `<artifactId>fwatchdog-spring</artifactId>\s*<version>(.*)</version>`},
	{"sdk/java-spring/pom.xml", `<artifactId>fwatchdog</artifactId>\s*<version>(.*)</version>`},
	{"template/java-pool/function/pom.xml", `<artifactId>fwatchdog</artifactId>\s*<version>(.*)</version>`},
	{"template/springboot-pool/function/pom.xml", `<artifactId>fwatchdog-spring</artifactId>\s*<version>(.*)</version>`},
	{"examples/java-json/pom.xml", `<artifactId>fwatchdog</artifactId>\s*<version>(.*)</version>`},
	{"examples/java-stream/pom.xml", `<artifactId>fwatchdog</artifactId>\s*<version>(.*)</version>`},
	{"docs/tutorial-java.md", `<artifactId>fwatchdog</artifactId>\s*<version>(.*)</version>`},
	{"docs/tutorial-java.md", `fwatchdog-([0-9.]+)\.jar`},
	{"docs/tutorial-spring.md", `<artifactId>fwatchdog-spring</artifactId>\s*<version>(.*)</version>`},
	{"docs/tutorial-spring.md", `fwatchdog-(?:spring-)?([0-9.]+)\.jar`},
}

func TestThePackagesHaveTheBinarysVersion(t *testing.T) {
	want := ""
	for _, v := range versions {
		text, err := os.ReadFile(v.file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(v.pattern).FindAllSubmatch(text, -1)
		if len(found) == 0 {
			t.Errorf("%s says no version", v.file)
		}
		for _, got := range found {
			if want == "" {
				want = string(got[1])
			}
			if string(got[1]) != want {
				t.Errorf("%s is of version %s, the binary of %s", v.file, got[1], want)
			}
		}
	}
}
