package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// document is a text of the documentation.
func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// logCalls visits every call in the product's code whose function is named like one that writes a record or makes a field
// of one, with the text that is its first constant argument.
func logCalls(t *testing.T, visit func(function, text string)) {
	t.Helper()
	for _, folder := range []string{".", "../../internal", "../../pool", "../../worker", "../../supervisor", "../../server"} {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				if function, text, ok := constantCall(node); ok {
					visit(function, text)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// constantCall is a call such as log.Info("text", …) or zap.Int("key", …).
func constantCall(node ast.Node) (function, text string, ok bool) {
	call, isCall := node.(*ast.CallExpr)
	if !isCall {
		return "", "", false
	}
	selector, isSelector := call.Fun.(*ast.SelectorExpr)
	if !isSelector {
		return "", "", false
	}
	name := ""
	switch of := selector.X.(type) {
	case *ast.Ident:
		name = of.Name
	case *ast.SelectorExpr:
		name = of.Sel.Name
	}
	for _, argument := range call.Args[:min(2, len(call.Args))] { // Log has the level first
		if literal, isLiteral := argument.(*ast.BasicLit); isLiteral && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			return name + "." + selector.Sel.Name, text, err == nil
		}
	}
	return "", "", false
}

func TestEveryLogMessageAndKeyIsDocumentedAndEveryDocumentedOneExists(t *testing.T) {
	text := document(t, "logs.md")
	quoted := map[string]bool{}
	for _, found := range regexp.MustCompile("`([^`\\n]+)`").FindAllStringSubmatch(text, -1) {
		quoted[found[1]] = true
	}
	messages, keys := map[string]bool{}, map[string]bool{}
	logCalls(t, func(function, text string) {
		switch {
		case slices.Contains([]string{"log.Debug", "log.Info", "log.Warn", "log.Error", "log.Log", "log.Check"}, function):
			messages[text] = true
		case strings.HasPrefix(function, "zap."):
			keys[text] = true
		}
	})
	if len(messages) < 30 || len(keys) < 30 {
		t.Fatalf("found %d messages and %d keys only", len(messages), len(keys))
	}
	for message := range messages {
		if !quoted[message] {
			t.Errorf("docs/logs.md does not have the message %q", message)
		}
	}
	for row := range strings.Lines(text) {
		cells := strings.Split(row, "|")
		if len(cells) != 6 || strings.Contains(cells[1], "level") || strings.Contains(cells[1], "---") {
			continue
		}
		for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[2], -1) {
			if !messages[found[1]] {
				t.Errorf("docs/logs.md has the message %q, which is never written", found[1])
			}
		}
		for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[4], -1) {
			if !keys[found[1]] {
				t.Errorf("docs/logs.md has the key %q, which is never written", found[1])
			}
		}
	}
}

func TestEveryMetricIsDocumentedAndEveryDocumentedOneExists(t *testing.T) {
	documented := map[string]bool{}
	for _, found := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(document(t, "metrics.md"), -1) {
		documented[found[1]] = true
	}
	i := launch(t, "pool_size=1", fmt.Sprintf("metrics_port=%d", freePort(t)), "memory_interval=10ms")
	i.pid(1)
	i.get("/echo")
	i.eventually("the memory is measured", func() bool { return strings.Contains(metricsOf(t, i), "fwatchdog_worker_memory_bytes") })
	shown := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(metricsOf(t, i), -1) {
		if !regexp.MustCompile(`^(go|process|promhttp)_`).MatchString(found[1]) {
			shown[found[1]] = true
		}
	}
	for name := range shown {
		if !documented[name] {
			t.Errorf("docs/metrics.md does not have %s", name)
		}
	}
	for name := range documented {
		if !shown[name] {
			t.Errorf("docs/metrics.md has %s, which is not shown", name)
		}
	}
}

func metricsOf(t *testing.T, i *instance) string {
	t.Helper()
	resp, err := client.Get(i.metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b strings.Builder
	if err := resp.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLinksInTheDocumentsLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(pages, "../../README.md", "../../CONTRIBUTING.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), found[1])); err != nil {
				t.Errorf("%s leads to %s, which is not there", filepath.Base(name), found[1])
			}
		}
	}
}
