package broker

import "strings"

// topicRoutes is a trie of the words of the binding keys, in which '*' matches one word and '#' any
// number of words. A lookup goes through the words of the key and keeps the set of nodes that they
// can reach. Its cost depends on the number of words and wildcards, not on the number of bindings.
type topicRoutes struct {
	root          topicNode
	current, next []*topicNode // scratch
	step          uint64       // counts looked-up words, so that each node is reached once
}

type topicNode struct {
	children map[string]*topicNode
	bound    []*destination
	hash     bool   // its own word is '#'
	step     uint64 // when it was last reached
}

func (r *topicRoutes) add(b binding, d *destination) {
	n := &r.root
	for _, word := range words(b.key) {
		child := n.children[word]
		if child == nil {
			child = &topicNode{hash: word == "#"}
			if n.children == nil {
				n.children = make(map[string]*topicNode)
			}
			n.children[word] = child
		}
		n = child
	}
	n.bound = append(n.bound, d)
}

func (r *topicRoutes) remove(b binding, d *destination) { r.root.remove(words(b.key), d) }

// remove removes a destination, and the nodes that are empty afterwards.
func (n *topicNode) remove(words []string, d *destination) {
	if len(words) == 0 {
		n.bound = without(n.bound, d)
		return
	}
	child := n.children[words[0]]
	child.remove(words[1:], d)
	if len(child.bound) == 0 && len(child.children) == 0 {
		delete(n.children, words[0])
	}
}

func (r *topicRoutes) find(_ *message, key string, found []*destination) []*destination {
	r.step++
	r.next = r.next[:0]
	r.reach(&r.root)
	for more := key != ""; more; {
		var word string
		word, key, more = strings.Cut(key, ".")
		r.current, r.next = r.next, r.current[:0]
		r.step++
		for _, n := range r.current {
			if n.hash {
				r.reach(n)
			}
			r.reach(n.children[word])
			r.reach(n.children["*"])
		}
	}
	for _, n := range r.next {
		found = append(found, n.bound...)
	}
	return found
}

// reach adds a node to those that the words so far can reach, and the '#' below it, which can match
// no word.
func (r *topicRoutes) reach(n *topicNode) {
	for n != nil && n.step != r.step {
		n.step = r.step
		r.next = append(r.next, n)
		n = n.children["#"]
	}
}

// words splits a key into words: "a." has two, "" has none.
func words(key string) []string {
	if key == "" {
		return nil
	}
	return strings.Split(key, ".")
}
