package configs

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/spf13/pflag"
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

// Source is where settings come from, once: from flags, the environment and a file. It collects what is wrong with them,
// so that every bad setting is named at once; Read tells.
type Source struct {
	environ  map[string]string
	settings *Settings
	options  []option // of the settings
	file     file
	given    map[string]given // what was written, by the name of the setting
	problems []error
}

// given is a value as it was written. where is what a person looks for at its origin.
type given struct{ text, where string }

// NewSource returns a source of settings that are in the environment, or in the file that `config` names there or among
// the flags. A variable that is empty counts as not set.
func NewSource(environ []string) *Source {
	settings := &Settings{origins: map[string]Origin{}}
	s := &Source{environ: map[string]string{}, given: map[string]given{}, settings: settings, options: optionsOf(settings)}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		s.environ[name] = value
	}
	for _, o := range s.options {
		o.setDefault()
		settings.origins[o.name] = Default
	}
	return s
}

// AddFlags adds a flag for each setting, to be parsed before Read.
func (s *Source) AddFlags(flags *pflag.FlagSet) {
	for _, o := range s.options {
		flags.AddFlag(o.flag(func(text string) error {
			if isFlag(text) { // which pflag takes as it takes any word
				return errors.New("it is a flag, and the value is missing")
			}
			s.take(o, text, Flag, string(Flag))
			return nil
		}))
	}
}

// isFlag reports whether text has the form of a flag, which is no value of a setting's.
func isFlag(text string) bool {
	return len(text) > 1 && text[0] == '-' && !unicode.IsDigit(rune(text[1]))
}

// take sets a setting. where is as in given.
func (s *Source) take(o option, text string, origin Origin, where string) {
	s.settings.origins[o.name] = origin
	s.given[o.name] = given{text, where}
	if err := o.set(text); err != nil {
		s.problems = append(s.problems, fmt.Errorf("%s is %q (%s): %w", o.name, text, where, err))
	}
}

// complete takes what no flag has set from the environment and from the file.
func (s *Source) complete() {
	path, known := s.environ["config"], make([]string, len(s.options))
	if s.settings.origins["config"] == Flag {
		path = s.settings.Config
	}
	for i, o := range s.options {
		known[i] = o.name
	}
	s.file = readFile(path, known)
	for _, o := range s.options {
		if s.settings.origins[o.name] != Flag {
			s.completeOne(o)
		}
	}
	s.settings.misses = nearMisses(s.environ, known, func(name string) bool { return s.settings.origins[name] != Default })
}

func (s *Source) completeOne(o option) {
	if text := s.environ[o.name]; text != "" {
		s.take(o, text, Environment, "environment")
	} else if text := s.environ["PORT"]; o.name == "port" && text != "" {
		s.take(o, text, Environment, "environment, PORT")
	} else if found, ok := s.file.values[o.name]; ok {
		s.take(o, found.text, File, fmt.Sprintf("%s:%d", s.file.path, found.line))
	}
}
