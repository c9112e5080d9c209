// Package grouppath knows which groups a path needs. A group is a path, such as
// control_panel/dashboard: whoever uses something with that path must be in this group and in all
// groups above it.
//
//	missing := grouppath.Missing([]string{"control_panel"}, "control_panel/dashboard")
package grouppath

import (
	"iter"
	"slices"
)

// Needed are the groups above a path, from the top, and the path itself.
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

// Missing returns the first group that a path needs and that is not among groups, "" if there is
// none. Case counts.
func Missing(groups []string, path string) string {
	for group := range Needed(path) {
		if !slices.Contains(groups, group) {
			return group
		}
	}
	return ""
}
