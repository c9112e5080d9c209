// Command callpath prints the paths of a call that docs/architecture.md lists, with the number of
// files on each and of re-entries: steps into a file that the path has entered before and left
// since. It fails if a step names a function that does not exist.
//
//	go run ./scripts/callpath
package main
