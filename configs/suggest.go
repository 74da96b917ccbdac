package configs

import (
	"fmt"
	"slices"
	"strings"
)

// Suggestion is what was probably meant by a name that is not known, as the end of a sentence: the nearest of those that
// are, and all that begin like it. It is empty when there is none, or so many that they help nobody.
func Suggestion(name string, known []string) string {
	near := nearest(name, known)
	if len(near) == 0 || plain(near[0]) != plain(name) {
		near = slices.DeleteFunc(slices.Clone(known), func(candidate string) bool {
			return !slices.Contains(near, candidate) && !strings.HasPrefix(plain(candidate), plain(name))
		})
	}
	switch {
	case len(near) == 1:
		return fmt.Sprintf("; did you mean %s?", near[0])
	case len(near) > 1 && len(near) < 7:
		return fmt.Sprintf("; did you mean one of %s?", strings.Join(near, ", "))
	}
	return ""
}

// NearMiss is a variable of the environment that is no setting, though its name is nearly that of one.
type NearMiss struct{ Variable, Setting string }

// leastName is how many bytes the name of a near miss has at least: two slips make anything of a shorter one.
const leastName = 8

// nearMisses are the variables that were probably meant for a setting that nothing else has set, in order. Words without an
// underscore are left out, as are names at which two settings are equally near: other programs have those. The first letter must be
// right: in a cluster there are thousands of variables, and the start may not take longer for them.
func nearMisses(environ map[string]string, known []string, set func(name string) bool) []NearMiss {
	begin := map[byte][]string{}
	for _, name := range known {
		begin[name[0]] = append(begin[name[0]], name)
	}
	var found []NearMiss
	for variable, value := range environ {
		if value == "" || len(variable) < leastName || !strings.Contains(variable, "_") {
			continue
		}
		// A variable that is read is nearest to its own setting, which is set.
		if near := nearest(variable, begin[plain(variable)[0]]); len(near) == 1 && !set(near[0]) {
			found = append(found, NearMiss{variable, near[0]})
		}
	}
	slices.SortFunc(found, func(a, b NearMiss) int { return strings.Compare(a.Variable, b.Variable) })
	return found
}

// nearest are those of the known names that are as near as any, at most two slips of the finger away.
func nearest(name string, known []string) []string {
	name = plain(name)
	least, near := 2, []string(nil)
	for _, candidate := range known {
		if longer := len(name) - len(candidate); max(longer, -longer) > least { // so is the distance
			continue
		}
		switch away := distance(name, plain(candidate)); {
		case away < least:
			least, near = away, []string{candidate}
		case away == least:
			near = append(near, candidate)
		}
	}
	return near
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
