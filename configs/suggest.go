package configs

import (
	"fmt"
	"strings"
)

// suggestion is the name that was probably meant, as the end of a sentence; it is empty when none is near.
func suggestion(name string, known []string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	nearest, least := "", 3 // two slips of the finger, and no more
	for _, candidate := range known {
		if d := distance(name, candidate); d < least {
			nearest, least = candidate, d
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", nearest)
}

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
