// Package nearest finds the known name that a misspelt one was probably meant to be.
package nearest

import (
	"math"
	"strings"
)

// Likely returns the candidate that name was probably meant to be, "" if none is close enough: at
// most a third of its letters may differ.
func Likely(name string, candidates []string) string {
	near, edits := Name(name, candidates)
	if edits > max(1, len(name)/3) {
		return ""
	}
	return near
}

// Name returns the first of the candidates that take the fewest edits to become name, and the
// number of edits. Case does not count.
func Name(name string, candidates []string) (near string, edits int) {
	edits = math.MaxInt
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < edits {
			near, edits = c, d
		}
	}
	return near, edits
}

// distance returns the Levenshtein distance of a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
