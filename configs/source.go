package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Origin is where the value of a setting came from.
type Origin string

// The origins, the strongest first.
const (
	Flag        Origin = "flag"
	Environment Origin = "environment"
	File        Origin = "file"
	Default     Origin = "default"
)

// Source is where kong gets settings from, for one parse. It collects what is wrong with them, so that every bad setting
// is named at once; Check tells.
type Source struct {
	environ  map[string]string
	known    []string // the names of all settings
	problems []error

	// What follows is set while kong asks for the settings that no flag sets.
	opened bool
	file   file
	places map[string]place
}

// place is an origin, and what a person looks for there.
type place struct {
	origin Origin
	where  string
}

// NewSource returns a source of settings that are in the environment, or in the file that `config` names there or among
// the flags. A variable that is empty counts as not set.
func NewSource(environ []string) *Source {
	s := &Source{environ: map[string]string{}, places: map[string]place{}}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		s.environ[name] = value
	}
	for _, flag := range flagsOf(new(Settings)) {
		s.known = append(s.known, settingName(flag))
	}
	return s
}

// flagsOf is what kong makes of the fields of settings.
func flagsOf(settings *Settings) []*kong.Flag {
	return kong.Must(settings, kong.NoDefaultHelp()).Model.Flags
}

// settingName is the name that the flag's setting has in the environment and in the file.
func settingName(flag *kong.Flag) string { return strings.ReplaceAll(flag.Name, "-", "_") }

// Options are for the parser whose grammar embeds Settings.
func (s *Source) Options() []kong.Option {
	decode := kong.MapperFunc(s.decode)
	return []kong.Option{
		kong.KindMapper(reflect.String, decode),
		kong.KindMapper(reflect.Bool, decode),
		kong.KindMapper(reflect.Int, decode),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), decode),
		kong.TypeMapper(reflect.TypeFor[Size](), decode),
		kong.TypeMapper(reflect.TypeFor[MemoryLimit](), decode),
		kong.TypeMapper(reflect.TypeFor[Percent](), decode),
		kong.Resolvers(kong.ResolverFunc(s.resolve)),
	}
}

// resolve finds a setting for which there is no flag: kong asks for no other.
func (s *Source) resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	name := settingName(flag)
	if !slices.Contains(s.known, name) {
		return nil, nil // a flag of some command
	}
	if !s.opened {
		s.opened = true
		s.file = readFile(s.configFile(ctx), s.known)
	}
	text, found := s.look(name)
	s.places[name] = found
	if found.origin == Default {
		return nil, nil
	}
	return text, nil
}

// configFile is the file that a flag names, or else the environment.
func (s *Source) configFile(ctx *kong.Context) string {
	for _, path := range ctx.Path {
		if path.Flag != nil && path.Flag.Name == "config" {
			return ctx.Value(path).String()
		}
	}
	return s.environ["config"]
}

// look finds the value of a setting in the environment or the file.
func (s *Source) look(name string) (string, place) {
	if text := s.environ[name]; text != "" {
		return text, place{Environment, "environment"}
	}
	if text := s.environ["PORT"]; name == "port" && text != "" {
		return text, place{Environment, "environment, PORT"}
	}
	if found, ok := s.file.values[name]; ok {
		return found.text, place{File, fmt.Sprintf("%s:%d", s.file.path, found.line)}
	}
	return "", place{origin: Default}
}

// decode sets target to what the next token says. A setting that cannot have that value gets its default instead, and
// is remembered as a problem.
func (s *Source) decode(ctx *kong.DecodeContext, target reflect.Value) error {
	text := "true" // what a bool is when the flag has no value
	if target.Kind() != reflect.Bool || ctx.Scan.Peek().Type == kong.FlagValueToken {
		token, err := ctx.Scan.PopValue(target.Kind().String())
		if err != nil {
			return err
		}
		text = fmt.Sprint(token.Value)
	}
	err := setValue(target, text, ctx.Value.Tag.Get("oneof"))
	if err == nil || ctx.Value.Flag == nil || !slices.Contains(s.known, settingName(ctx.Value.Flag)) {
		return err
	}
	name := settingName(ctx.Value.Flag)
	where := string(Flag)
	if found, ok := s.places[name]; ok {
		where = found.where
	}
	s.problems = append(s.problems, fmt.Errorf("%s is %q (%s): %w", name, text, where, err))
	if ctx.Value.HasDefault {
		return setValue(target, ctx.Value.Default, "")
	}
	return nil
}
