package config

import (
	"go.yaml.in/yaml/v3"

	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/internal/secret"
)

// masked returns a copy of a tree without comments, anchors and aliases, and with secrets masked. A
// value that an alias makes secret in one place is masked in all of them.
func masked(root *yaml.Node) *yaml.Node {
	m := masker{secret: map[*yaml.Node]bool{}, seen: map[visit]bool{}}
	m.find(root, false)
	return m.copy(root)
}

// A masker masks one tree.
type masker struct {
	secret map[*yaml.Node]bool // scalars
	seen   map[visit]bool
}

// A visit is a node that was looked at, as part of a secret or not.
type visit struct {
	node   *yaml.Node
	hidden bool
}

// find notes the scalars under keys of secrets. With hide, all of n is secret.
func (m *masker) find(n *yaml.Node, hide bool) {
	n = target(n)
	if at := (visit{n, hide}); m.seen[at] {
		return
	} else {
		m.seen[at] = true
	}
	switch n.Kind {
	case yaml.ScalarNode:
		m.secret[n] = m.secret[n] || hide
	case yaml.MappingNode:
		for k, value := range pairs(n) {
			m.find(value, hide || secret.Key(k.Value))
		}
	default:
		for _, child := range n.Content {
			m.find(child, hide)
		}
	}
}

// copy returns the masked copy of n.
func (m *masker) copy(n *yaml.Node) *yaml.Node {
	n = target(n)
	c := &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value}
	switch {
	case n.Tag == "!!null":
		c.Value = "null"
	case n.Kind == yaml.ScalarNode && m.secret[n]:
		c.Value, c.Tag, c.Style = secret.Hidden, "!!str", 0
	case n.Kind == yaml.ScalarNode:
		c.Value = secret.Mask(n.Value)
		if printable.Lines(c.Value) != c.Value { // only in double quotes can it be escaped
			c.Style = yaml.DoubleQuotedStyle
		}
	case n.Kind == yaml.MappingNode:
		for k, value := range pairs(n) {
			c.Content = append(c.Content, m.copy(k), m.copy(value))
		}
	default:
		for _, child := range n.Content {
			c.Content = append(c.Content, m.copy(child))
		}
	}
	return c
}
