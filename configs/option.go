package configs

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/spf13/pflag"
)

// option is a field that a flag sets. Its tags say the rest: `help` what it means, `default` what it is otherwise,
// `placeholder` what stands for its value in a help, `short` its letter, `name` what it is called when its field's name
// does not tell, `group` where it stands in lists, `oneof` the values that a text may have, and `auto`, in words, what a
// default stands for that is no value to work with.
type option struct {
	reflect.StructTag
	name   string // with underscores, which are dashes in the flag
	target reflect.Value
}

// optionsOf are the exported fields of the struct to which from points.
func optionsOf(from any) []option {
	fields := reflect.ValueOf(from).Elem()
	var options []option
	for i := range fields.NumField() {
		if field := fields.Type().Field(i); field.IsExported() {
			name := cmp.Or(field.Tag.Get("name"), underscored(field.Name))
			options = append(options, option{field.Tag, name, fields.Field(i)})
		}
	}
	return options
}

// underscored is pool_size for PoolSize, and upstream_url for UpstreamURL.
func underscored(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) && unicode.IsLower(rune(name[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// set gives the field a value.
func (o option) set(text string) error { return setValue(o.target, text, o.Get("oneof")) }

// setDefault gives the field its default.
func (o option) setDefault() {
	if text, has := o.Lookup("default"); has {
		if err := o.set(text); err != nil {
			panic(fmt.Sprintf("configs: the default of %s is %q: %v", o.name, text, err))
		}
	}
}

// GroupOf is where the flag stands in lists; empty for those of commands.
func GroupOf(flag *pflag.Flag) string { return flag.Annotations["group"][0] }

// flag is the option as a flag, whose values go to set.
func (o option) flag(set func(text string) error) *pflag.Flag {
	flag := &pflag.Flag{
		Name:        strings.ReplaceAll(o.name, "_", "-"),
		Shorthand:   o.Get("short"),
		Usage:       o.Get("help"),
		Value:       flagValue{o, set},
		Annotations: map[string][]string{"group": {o.Get("group")}},
	}
	if o.target.Kind() == reflect.Bool {
		flag.NoOptDefVal = "true"
	}
	return flag
}

// AddFlags adds a flag to flags for each exported field of the struct to which into points, and sets these to their
// defaults. The flags are a command's own; those of the settings are a Source's.
func AddFlags(flags *pflag.FlagSet, into any) {
	for _, o := range optionsOf(into) {
		o.setDefault()
		flags.AddFlag(o.flag(o.set))
	}
}

// flagValue is an option as pflag wants it.
type flagValue struct {
	option
	take func(text string) error
}

// Set takes what stands in the command line.
func (v flagValue) Set(text string) error { return v.take(text) }

// String is what one would write to set the present value.
func (v flagValue) String() string { return valueText(v.target) }

// Type is what stands for the value in a help. The flag of a bool is complete without, unless that changes nothing.
func (v flagValue) Type() string {
	if v.target.Kind() == reflect.Bool && v.Get("default") != "true" {
		return ""
	}
	return cmp.Or(v.Get("placeholder"), v.Get("default"))
}
