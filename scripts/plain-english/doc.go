// Command plain-english lists phrases that read as if translated, in comments, string literals and
// pages: file:line, the rule, the sentence, and at the end the count of each folder. It is a help
// for reviews, not a gate: it always exits with 0, and some of what it finds is right.
//
//	go run ./scripts/plain-english            # the whole repository
//	go run ./scripts/plain-english broker docs
package main
