// Package grouppath determines which groups a path requires. A group is a path, such as
// control_panel/dashboard. To use something with that path, a user must be in this group and in all
// groups above it.
//
//	missing := grouppath.Missing([]string{"control_panel"}, "control_panel/dashboard")
package grouppath

import (
	"iter"
	"slices"
)

// Needed returns the groups that a path requires: those above it, from the top, and the path
// itself.
func Needed(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range len(path) {
			if path[i] == '/' && !yield(path[:i]) {
				return
			}
		}
		yield(path)
	}
}

// Missing returns the first group that a path requires and that is not in groups, or "" if none is
// missing. It is case-sensitive.
func Missing(groups []string, path string) string {
	for group := range Needed(path) {
		if !slices.Contains(groups, group) {
			return group
		}
	}
	return ""
}
