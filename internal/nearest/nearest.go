// Package nearest finds the known name that a misspelled one was probably meant to be.
package nearest

import (
	"math"
	"strings"
)

// Likely returns the candidate that name was probably meant to be, or "" if none is close enough:
// at most a third of its letters may differ.
func Likely(name string, candidates []string) string {
	near, edits := Name(name, candidates)
	if edits > max(1, len(name)/3) {
		return ""
	}
	return near
}

// Name returns the candidate that can be turned into name with the fewest edits, and their number.
// If there are several, it returns the first. It ignores case.
func Name(name string, candidates []string) (near string, edits int) {
	edits = math.MaxInt
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < edits {
			near, edits = c, d
		}
	}
	return near, edits
}

// distance returns how many bytes must be inserted, removed, replaced or swapped with their
// neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, above, row = above, row, before
		row[0] = i + 1
		for j := range len(b) {
			replaced := above[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
