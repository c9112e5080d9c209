package config

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// environment replaces variables in a YAML tree as Nameko does with the regex module: see
// docs/wire/nameko.md, Environment variables.
type environment struct {
	lookup   func(string) (string, bool)
	at       string
	mistakes []error
}

// maxDepth is how often a variable's value may name another one.
const maxDepth = 10

// resolve substitutes in n and all below it.
func (e *environment) resolve(n *yaml.Node, depth int) {
	if n.Kind == yaml.ScalarNode {
		e.scalar(n, depth)
		return
	}
	for _, child := range n.Content {
		e.resolve(child, depth)
	}
}

// scalar substitutes in plain scalars and tagged ones; quoted text is as it stands. What comes out is YAML again.
func (e *environment) scalar(n *yaml.Node, depth int) {
	plain := n.Style == 0
	text, changed := e.expand(n.Value)
	switch {
	case n.Tag == "!raw_env_var":
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: n.Line, Anchor: n.Anchor}
	case n.Tag == "!env_var" || plain && changed:
		e.reparse(n, text, depth)
	case plain:
		legacyBool(n)
	}
}

// reparse makes n what text means as YAML. Errors show the scalar as it was written: the text may hold a password.
func (e *environment) reparse(n *yaml.Node, text string, depth int) {
	fail := func(err error) {
		e.mistakes = append(e.mistakes, fmt.Errorf("%s%d: %s: %w", e.at, n.Line, n.Value, err))
	}
	if depth == maxDepth {
		fail(errors.New("a variable's value names the variable again"))
		return
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		fail(errors.New("is no YAML once the variables are put in; !raw_env_var \"…\" takes any text as it is"))
		return
	}
	value := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	if len(doc.Content) > 0 {
		value = doc.Content[0]
	}
	setLine(value, n.Line)
	e.resolve(value, depth+1)
	anchor := n.Anchor
	*n = *value
	n.Anchor = anchor
}

// expand replaces every ${NAME} and ${NAME:default} in text. A default may hold further ones, and braces in pairs.
// What only looks like one (${}, ${ NAME }) stays.
func (e *environment) expand(text string) (expanded string, changed bool) {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String(), changed
		}
		b.WriteString(text[:i])
		name, fallback, size := reference(text[i:])
		if size == 0 {
			b.WriteString("${")
			text = text[i+2:]
			continue
		}
		value, ok := e.lookup(name)
		if !ok {
			value, _ = e.expand(fallback)
		}
		b.WriteString(value)
		text, changed = text[i+size:], true
	}
}

// reference reads the ${NAME} or ${NAME:default} that text begins with; its size is 0 if that is none.
func reference(text string) (name, fallback string, size int) {
	end := strings.IndexAny(text[2:], ":}{$ \t\r\n")
	if end <= 0 {
		return "", "", 0
	}
	name, rest := text[2:2+end], text[2+end:]
	switch rest[0] {
	case '}':
		return name, "", 2 + end + 1
	case ':':
		depth := 0
		for i, c := range rest {
			switch {
			case c == '{':
				depth++
			case c == '}' && depth > 0:
				depth--
			case c == '}':
				return name, rest[1:i], 2 + end + i + 1
			}
		}
	}
	return "", "", 0
}

// legacyBool reads yes and no, on and off as YAML 1.1 does, and so Python: as booleans.
func legacyBool(n *yaml.Node) {
	switch n.Value {
	case "yes", "Yes", "YES", "on", "On", "ON":
		n.Tag, n.Value = "!!bool", "true"
	case "no", "No", "NO", "off", "Off", "OFF":
		n.Tag, n.Value = "!!bool", "false"
	}
}

func setLine(n *yaml.Node, line int) {
	n.Line = line
	for _, child := range n.Content {
		setLine(child, line)
	}
}
