package configs

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// file is a YAML file with settings.
type file struct {
	path     string
	values   map[string]scalar
	problems []error
}

// scalar is a value as it stands in the file, without its quotes: numbers and the like are read by our rules and not by
// those of YAML, for which 010 is 8.
type scalar struct {
	text string
	line int
}

// readFile reads the settings in the file at path; there are none when path is empty. known are those that there are.
func readFile(path string, known []string) file {
	f := file{path: path, values: map[string]scalar{}}
	if path == "" {
		return f
	}
	text, err := os.ReadFile(path)
	if err != nil {
		f.problems = []error{fmt.Errorf("config is %q: it must be a file that can be read: %w", path, err)}
		return f
	}
	tokens := lexer.Tokenize(string(text))
	if line := furtherDocument(tokens); line > 0 {
		f.problem(line, "there must be one document")
		return f
	}
	parsed, err := parser.Parse(tokens, 0)
	if err != nil {
		f.syntax(err)
		return f
	}
	f.document(parsed.Docs[0].Body, known)
	return f
}

// furtherDocument is the line of a second document, or 0. The parser does not always see it: what follows an empty
// document is lost there.
func furtherDocument(tokens token.Tokens) (line int) {
	begun := false
	for _, t := range tokens {
		switch t.Type {
		case token.CommentType:
			continue
		case token.DocumentHeaderType, token.DocumentEndType:
			if begun {
				return t.Position.Line
			}
		}
		begun = true
	}
	return 0
}

// syntax remembers that the file is no YAML.
func (f *file) syntax(err error) {
	line, message := 1, err.Error()
	if yamlErr := yaml.Error(nil); errors.As(err, &yamlErr) {
		line, message = yamlErr.GetToken().Position.Line, yamlErr.GetMessage()
	}
	f.problem(line, message)
}

// problem remembers what is wrong on a line of the file.
func (f *file) problem(line int, what string) {
	f.problems = append(f.problems, fmt.Errorf("%s:%d: %s", f.path, line, what))
}

// document takes the settings of the document; each is `name: value`.
func (f *file) document(body ast.Node, known []string) {
	if body == nil || body.Type() == ast.NullType { // nothing but comments
		return
	}
	settings, ok := body.(ast.MapNode)
	if !ok {
		f.problem(body.GetToken().Position.Line, "it must be settings, each as name: value")
		return
	}
	for entry := settings.MapRange(); entry.Next(); {
		key := entry.Key().GetToken()
		name, line := key.Value, key.Position.Line
		switch {
		case name == "config":
			f.problem(line, "config cannot be set in a file")
		case !slices.Contains(known, name):
			f.problem(line, fmt.Sprintf("there is no setting %s%s", name, Suggestion(name, known)))
		default:
			f.setting(name, line, entry.Value())
		}
	}
}

// setting takes one value. One that is empty counts as not set.
func (f *file) setting(name string, line int, value ast.Node) {
	text := ""
	switch value := value.(type) {
	case *ast.NullNode:
	case *ast.LiteralNode:
		text = value.Value.Value
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		text = value.GetToken().Value
	default:
		f.problem(line, fmt.Sprintf("%s is a %s: it must be one plain value", name, strings.ToLower(value.Type().String())))
	}
	if text != "" {
		f.values[name] = scalar{text, line}
	}
}
