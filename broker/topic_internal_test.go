package broker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// This test is inside the package, because a client cannot choose between the two ways of matching.

// matchNaive matches by the definition of the wildcards.
func matchNaive(pattern, key []string) bool {
	switch {
	case len(pattern) == 0:
		return len(key) == 0
	case pattern[0] == "#":
		return matchNaive(pattern[1:], key) || len(key) > 0 && matchNaive(pattern, key[1:])
	case len(key) == 0:
		return false
	}
	return (pattern[0] == "*" || pattern[0] == key[0]) && matchNaive(pattern[1:], key[1:])
}

// checkTopics fails t unless a key matches the right bindings in both ways of matching.
func checkTopics(t *testing.T, patterns []string, key string) {
	t.Helper()
	var r topicRoutes
	source := &exchange{kind: "topic"}
	names := make(map[*destination]string)
	for i, p := range patterns {
		d := new(destination)
		names[d] = fmt.Sprint(i, " ", p)
		r.add(binding{source: source, key: p}, d)
	}
	removed := make(map[string]bool)
	for d, name := range names { // half of them are removed again
		if len(removed) == len(patterns)/2 {
			break
		}
		_, p, _ := strings.Cut(name, " ")
		r.remove(binding{source: source, key: p}, d)
		removed[name] = true
	}
	var want []string
	for i, p := range patterns {
		if name := fmt.Sprint(i, " ", p); !removed[name] && matchNaive(words(p), words(key)) {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	searched, _ := r.search(key, nil, 1<<30)
	for way, found := range map[string][]*destination{
		"search": searched, "matchAll": r.matchAll(key, nil), "find": r.find(nil, key, nil),
	} {
		var got []string
		for _, d := range found {
			got = append(got, names[d])
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s %q in %q: got %q, want %q", way, key, patterns, got, want)
		}
	}
	size := 0
	for key := range r.keys {
		size += len(words(key))
	}
	if size != r.size {
		t.Errorf("got a size of %d words, want %d", r.size, size)
	}
}

func TestTopicMatches(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(n int, from ...string) string {
		list := make([]string, random.IntN(n+1))
		for i := range list {
			list[i] = from[random.IntN(len(from))]
		}
		return strings.Join(list, ".")
	}
	for range 3000 {
		patterns := make([]string, 1+random.IntN(8))
		for i := range patterns {
			patterns[i] = pick(6, "a", "b", "*", "#", "#", "")
		}
		checkTopics(t, patterns, pick(8, "a", "a", "b", "c", "", "#", "*"))
	}
}

func FuzzTopic(f *testing.F) {
	f.Add("#.a.# *.b a", "a.b")
	f.Add("#.*.#.z # . .. #.", "..z")
	f.Fuzz(func(t *testing.T, bindings, key string) {
		patterns := strings.Fields(bindings)
		if len(patterns) > 20 || len(bindings) > 200 || len(key) > 30 { // for matchNaive
			return
		}
		checkTopics(t, patterns, key)
	})
}

// wildcards returns many long bindings that share little, one of which matches key(7). The other
// bindings almost match the keys.
func wildcards(n int) (r *topicRoutes, key func(i int) string) {
	r = new(topicRoutes)
	source := &exchange{kind: "topic"}
	random := rand.New(rand.NewPCG(1, 2))
	for range n {
		key := ""
		for len(key) < 230 {
			key += []string{"a.", "*.", "#.a."}[random.IntN(3)]
		}
		r.add(binding{source: source, key: key + "z"}, new(destination))
	}
	r.add(binding{source: source, key: "#.7"}, new(destination))
	return r, func(i int) string { return strings.Repeat("a.", 120) + fmt.Sprint(i) }
}

// The work of one lookup is bounded, whatever the bindings are.
func TestTopicWork(t *testing.T) {
	r, key := wildcards(5000)
	if got := r.find(nil, key(7), nil); len(got) != 1 {
		t.Errorf("got %d destinations, want 1", len(got))
	}
	if len(r.costly) != 1 {
		t.Error("the lookup was not given up")
	}
	for i := range 2 * maxCached {
		r.remember(key(i), nil)
	}
	if len(r.costly) > maxCached {
		t.Errorf("got %d cached keys, want %d at most", len(r.costly), maxCached)
	}
}

func BenchmarkTopicWildcards(b *testing.B) {
	r, key := wildcards(5000)
	for _, same := range []bool{true, false} {
		b.Run(fmt.Sprintf("same=%v", same), func(b *testing.B) {
			i := 0
			for b.Loop() {
				if !same {
					i++
				}
				r.find(nil, key(i), nil)
			}
		})
	}
}
