package main

import (
	"regexp"
	"slices"
	"strings"
)

// A rule is a phrase to avoid, named by what to write instead.
type rule struct {
	instead string
	phrase  *regexp.Regexp
	except  func(match string) bool // nil if there are no exceptions
}

// opening is the start of a sentence.
const opening = `(?:^|[.:;!?] )`

var rules = []rule{
	{`"is not a"`, words(`(?:\w+ )?(?:is|are|was|were) no [a-z]+`), noNoun},
	{`drop "be it"`, words(`be it`), nil},
	{`say which one has it`, words(`who has`), nil},
	{`name the subject`, regexp.MustCompile(opening + `Who [^?]*?(?:[.?]|$)`), question},
	{`name the subject`, words(`(?:from|of|to|by|for|with|beside) who`), nil},
	{`name the subject`, regexp.MustCompile(opening + `What [^?]*?(?:[.?]|$)`), question},
	{`name the subject`, regexp.MustCompile(opening + `That (?:an?|the|it|they|we|no|every|each|nobody|nothing|what)\b`), nil},
	{`name it`, words(`what (?:is|was) there|what there is`), nil},
	{`exists, is present`, words(`(?:if|where|when|while|none|nobody|nothing|one|it) (?:is|are|was|were) there`), nil},
	{`its own`, regexp.MustCompile(`\bof (?:its|their|our|his) own(?:$|[^\w ]| (?:\W|(?:and|or|is|are|was|which|that|with|for|in|to|as|when|while|on|by|at|but|so|beside|it|the|a)\b))`), nil},
	{`omit, remove`, words(`(?:leav(?:e|es|ing)|left) (?:\S+ ){0,3}away|left away`), nil},
	{`unchanged, or drop it`, words(`(?:\w+ )?as (?:it is|they are)`), soon},
	{`forever`, words(`for ever`), nil},
	{`without "by itself"`, words(`by (?:itself|themselves)`), nil},
	{`must, should`, words(`(?:is|are|was|were) to (?:be|[a-z]+)`), to},
	{`also`, words(`and so (?:is|are|was|do|does|did|has|have)`), nil},
	{`as in X, as X does`, words(`as \S+(?: \S+)? ha(?:s|ve) it`), nil},
	{`what happens to`, words(`(?:becomes?|became) of`), nil},
	{`has`, words(`(?:has|have) got`), nil},
	{`at least`, words(`from \d+ on`), nil},
	{`without a limit, forever`, words(`without end`), nil},
	{`receives, is notified`, words(`(?:is|are) told`), nil},
	{`in addition to`, words(`beside (?:that|what|which)`), nil},
}

func words(phrase string) *regexp.Regexp { return regexp.MustCompile(`\b(?i:` + phrase + `)\b`) }

// noNoun excepts "there is no queue", "is no longer" and "is no limit".
func noNoun(match string) bool {
	match = strings.ToLower(match)
	last := match[strings.LastIndexByte(match, ' ')+1:]
	return strings.HasPrefix(match, "there ") ||
		slices.Contains([]string{"limit", "longer", "more", "less", "later", "earlier", "different", "bigger", "larger"}, last)
}

// soon excepts "as soon as it is".
func soon(match string) bool {
	first, _, _ := strings.Cut(match, " ")
	return slices.Contains([]string{"soon", "long", "often", "much", "far", "well"}, first)
}

func question(match string) bool { return strings.HasSuffix(match, "?") }

// to excepts "is to a queue".
func to(match string) bool {
	last := match[strings.LastIndexByte(match, ' ')+1:]
	return slices.Contains([]string{"a", "an", "the", "its", "this", "that", "which", "whom", "one", "it", "them"}, last)
}

// A finding is a phrase in a text.
type finding struct {
	at      int
	rule    string
	excerpt string
}

// find returns the phrases in words that a rule names, in their order.
func find(words string) []finding {
	var found []finding
	for _, r := range rules {
		for _, span := range r.phrase.FindAllStringIndex(words, -1) {
			match := words[span[0]:span[1]]
			if r.except == nil || !r.except(match) {
				at := span[0] + len(match) - len(strings.TrimLeft(match, ".:;!? "))
				found = append(found, finding{at, r.instead, excerpt(words, at, span[1])})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b finding) int { return a.at - b.at })
	return found
}

// excerpt returns the phrase with the words around it.
func excerpt(words string, from, to int) string {
	const around = 40
	to = min(to, from+2*around) // of a long sentence, its beginning
	before, after := max(from-around, 0), min(to+around, len(words))
	text := words[before:after]
	if before > 0 {
		_, text, _ = strings.Cut(text, " ")
		text = "… " + text
	}
	if after < len(words) {
		text = text[:strings.LastIndexByte(text, ' ')] + " …"
	}
	return text
}
