package broker

import (
	"slices"
	"strings"
)

// topicRoutes finds the bindings of a topic exchange. It is a trie of the words of the binding
// keys, in which '*' matches one word and '#' any number of words. A lookup walks through the words
// of the key and keeps the set of nodes that they can reach, so its cost usually depends on the
// number of words, not on the number of bindings.
//
// Many long bindings with '#' can make these sets large. Such a lookup is abandoned, and each
// binding is matched separately, which is then faster. The result is cached.
type topicRoutes struct {
	root          topicNode
	keys          map[string]*topicNode // the node where each binding key ends
	size          int                   // words of keys
	current, next []*topicNode          // scratch
	step          uint64                // counts the words looked up, so each node is reached once per word

	costly map[string][]*destination // results of abandoned lookups
	cached int                       // destinations in costly
}

const (
	// topicSteps is how many nodes a lookup may always reach. The more bindings, the more it may
	// reach.
	topicSteps = 1 << 12

	// maxCached limits the number of keys, and of destinations, in topicRoutes.costly.
	maxCached = 1 << 14
)

type topicNode struct {
	words      map[string]*topicNode
	star, hash *topicNode // below '*' and '#'
	bound      []*destination
	key        []string // the words of the binding key that ends here, if any
	isHash     bool
	step       uint64 // topicRoutes.step when it was last reached
}

// child returns the node below this one for a word of a binding key, or nil.
func (n *topicNode) child(word string) *topicNode {
	switch word {
	case "*":
		return n.star
	case "#":
		return n.hash
	}
	return n.words[word]
}

func (n *topicNode) setChild(word string, child *topicNode) {
	switch {
	case word == "*":
		n.star = child
	case word == "#":
		n.hash = child
	case child == nil:
		delete(n.words, word)
	case n.words == nil:
		n.words = map[string]*topicNode{word: child}
	default:
		n.words[word] = child
	}
}

func (n *topicNode) isEmpty() bool {
	return len(n.bound) == 0 && len(n.words) == 0 && n.star == nil && n.hash == nil
}

func (r *topicRoutes) add(b binding, d *destination) {
	n := &r.root
	list := words(b.key)
	for _, word := range list {
		child := n.child(word)
		if child == nil {
			child = &topicNode{isHash: word == "#"}
			n.setChild(word, child)
		}
		n = child
	}
	if len(n.bound) == 0 {
		if r.keys == nil {
			r.keys = make(map[string]*topicNode)
		}
		r.keys[b.key], n.key = n, list
		r.size += len(list)
	}
	n.bound = append(n.bound, d)
	r.forget()
}

func (r *topicRoutes) remove(b binding, d *destination) {
	list := words(b.key)
	r.root.remove(list, d)
	if n := r.keys[b.key]; n != nil && len(n.bound) == 0 {
		delete(r.keys, b.key)
		n.key = nil
		r.size -= len(list)
	}
	r.forget()
}

// remove removes a destination, and the nodes that are left empty.
func (n *topicNode) remove(words []string, d *destination) {
	if len(words) == 0 {
		n.bound = without(n.bound, d)
		return
	}
	child := n.child(words[0])
	child.remove(words[1:], d)
	if child.isEmpty() {
		n.setChild(words[0], nil)
	}
}

func (r *topicRoutes) find(_ *message, key string, found []*destination) []*destination {
	if known, ok := r.costly[key]; ok {
		return append(found, known...)
	}
	before := len(found)
	found, ok := r.search(key, found, topicSteps+r.size/16)
	if ok {
		return found
	}
	found = r.matchAll(key, found)
	r.remember(key, found[before:])
	return found
}

// search looks the key up in the trie. It gives up when it has reached more than most nodes.
func (r *topicRoutes) search(key string, found []*destination, most int) (_ []*destination, ok bool) {
	r.step++
	r.next = r.next[:0]
	r.reach(&r.root)
	reached := 0
	for more := key != ""; more; {
		var word string
		word, key, more = strings.Cut(key, ".")
		r.current, r.next = r.next, r.current[:0]
		r.step++
		reached += len(r.current)
		for _, n := range r.current {
			if reached+len(r.next) > most {
				return found, false
			}
			if n.isHash {
				r.reach(n)
			}
			r.reach(n.words[word])
			r.reach(n.star)
		}
	}
	for _, n := range r.next {
		found = append(found, n.bound...)
	}
	return found, true
}

// reach adds a node to the set that the words so far can reach, and also its child '#', which can
// match zero words.
func (r *topicRoutes) reach(n *topicNode) {
	for n != nil && n.step != r.step {
		n.step = r.step
		r.next = append(r.next, n)
		n = n.hash
	}
}

// matchAll matches the key against every binding key.
func (r *topicRoutes) matchAll(key string, found []*destination) []*destination {
	list := words(key)
	for _, n := range r.keys {
		if matchTopic(n.key, list) {
			found = append(found, n.bound...)
		}
	}
	return found
}

// matchTopic matches the words of a key against those of a binding key. The parts before the first
// '#' and after the last must match at the two ends of the key; each part between two '#' is then
// found at its first match.
func matchTopic(pattern, key []string) bool {
	i := slices.Index(pattern, "#")
	if i < 0 {
		return len(pattern) == len(key) && matchWords(pattern, key)
	}
	last := len(pattern) - 1
	for pattern[last] != "#" {
		last--
	}
	tail := pattern[last+1:]
	if len(key) < i+len(tail) || !matchWords(tail, key[len(key)-len(tail):]) || !matchWords(pattern[:i], key) {
		return false
	}
	key = key[i : len(key)-len(tail)]
	for i < last {
		start := i + 1
		for i = start; pattern[i] != "#"; i++ {
		}
		part := pattern[start:i]
		for {
			if len(key) < len(part) {
				return false
			}
			if matchWords(part, key) {
				break
			}
			key = key[1:]
		}
		key = key[len(part):]
	}
	return true
}

// matchWords matches words without '#' against the first words of the key.
func matchWords(pattern, key []string) bool {
	for i := len(pattern) - 1; i >= 0; i-- {
		if pattern[i] != "*" && pattern[i] != key[i] {
			return false
		}
	}
	return true
}

// remember caches the destinations of a key whose lookup was abandoned.
func (r *topicRoutes) remember(key string, found []*destination) {
	if r.cached+len(found)+1 > maxCached {
		r.forget()
	}
	if len(found) >= maxCached {
		return
	}
	if r.costly == nil {
		r.costly = make(map[string][]*destination)
	}
	r.costly[key] = append([]*destination(nil), found...)
	r.cached += len(found) + 1
}

// forget empties the cache. It is called when the bindings change.
func (r *topicRoutes) forget() { r.costly, r.cached = nil, 0 }

// words splits a key into words: "a." has two, "" has none.
func words(key string) []string {
	if key == "" {
		return nil
	}
	return strings.Split(key, ".")
}
