package configs

import (
	"fmt"
	"slices"
	"strings"
)

// Suggestion is what was probably meant by a name that is not known, as the end of a sentence: the nearest of those that
// are, and all that begin like it. It is empty when there is none, or so many that they help nobody.
func Suggestion(name string, known []string) string {
	name = plain(name)
	least := 2 // slips of the finger, and no more
	for _, candidate := range known {
		least = min(least, distance(name, plain(candidate)))
	}
	near := slices.DeleteFunc(slices.Clone(known), func(candidate string) bool {
		candidate = plain(candidate)
		return distance(name, candidate) > least && (least == 0 || !strings.HasPrefix(candidate, name))
	})
	switch {
	case len(near) == 1:
		return fmt.Sprintf("; did you mean %s?", near[0])
	case len(near) > 1 && len(near) < 7:
		return fmt.Sprintf("; did you mean one of %s?", strings.Join(near, ", "))
	}
	return ""
}

// plain is a name without what people confuse.
func plain(name string) string { return strings.ReplaceAll(strings.ToLower(name), "-", "_") }

// distance is how many bytes must be put in, left out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // of the first bytes of a, to the first bytes of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
