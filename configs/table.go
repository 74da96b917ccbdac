package configs

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// Row is one setting as it is shown.
type Row struct {
	Name    string
	Default string
	Value   string
	Origin  Origin // of the value
	Meaning string
	Group   string
}

// Table lists every setting with the value that it has. Settings that no Source has read are all of origin Default.
func Table(settings *Settings) []Row {
	var rows []Row
	for _, o := range optionsOf(settings) {
		rows = append(rows, Row{
			Name:    o.name,
			Default: cmp.Or(o.Get("auto"), o.Get("default")),
			Value:   valueText(o.target),
			Origin:  cmp.Or(settings.origins[o.name], Default),
			Meaning: o.Get("help"),
			Group:   o.Get("group"),
		})
	}
	return rows
}

// valueText is what one would write to set the value.
func valueText(value reflect.Value) string {
	if d, ok := value.Interface().(time.Duration); ok {
		return durationText(d)
	}
	return fmt.Sprint(value.Interface())
}

// Markdown is the table of docs/settings.md: what holds for every instance, so not the present values.
func Markdown(rows []Row) string {
	var b strings.Builder
	b.WriteString("| name | default | meaning |\n|---|---|---|\n")
	escape := strings.NewReplacer("|", `\|`)
	group := ""
	for _, row := range rows {
		if row.Group != group {
			group = row.Group
			fmt.Fprintf(&b, "| **%s** | | |\n", group)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", row.Name, escape.Replace(row.Default), escape.Replace(row.Meaning))
	}
	return b.String()
}

// Text is the table for people: each setting with its value and where that came from, and what it means below.
func Text(rows []Row) string {
	const widest = 24 // a longer value pushes the rest of its line aside
	var names, values int
	for _, row := range rows {
		names = max(names, len(row.Name))
		values = max(values, min(widest, utf8.RuneCountInString(row.Value)))
	}
	var b strings.Builder
	group := ""
	for _, row := range rows {
		if row.Group != group {
			if group != "" {
				b.WriteByte('\n')
			}
			group = row.Group
			fmt.Fprintln(&b, group)
		}
		line := fmt.Sprintf("  %-*s  %-*s  %s", names, row.Name, values, row.Value, origin(row))
		fmt.Fprintf(&b, "%s\n      %s\n", line, row.Meaning)
	}
	return b.String()
}

// origin tells where the value came from, and the default where the value does not tell it.
func origin(row Row) string {
	if row.Default == "" || row.Default == row.Value {
		return string(row.Origin)
	}
	if row.Origin == Default {
		return fmt.Sprintf("default (%s)", row.Default)
	}
	return fmt.Sprintf("%s (default %s)", row.Origin, row.Default)
}
