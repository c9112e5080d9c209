package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// environment replaces variables in a YAML tree as Nameko does with the regex module: see
// docs/wire/nameko.md, Environment variables.
type environment struct {
	lookup   func(string) (string, bool)
	at       string
	mistakes []error
	warnings []string
	empty    map[*yaml.Node]string // what was written where the result is null
	named    map[string]string     // the variables in the file with their defaults
}

// maxDepth limits how deep variables may refer to other variables.
const maxDepth = 10

// resolve substitutes variables in n and its children. key is the path to n: its key with the keys
// above it.
func (e *environment) resolve(n *yaml.Node, key string, depth int) {
	if n.Kind == yaml.ScalarNode {
		e.scalar(n, key, depth)
		return
	}
	for i, child := range n.Content {
		at := key
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			at = strings.TrimPrefix(key+"."+n.Content[i-1].Value, ".")
		}
		e.resolve(child, at, depth)
	}
}

// scalar substitutes variables in plain and tagged scalars. The result is read as YAML.
func (e *environment) scalar(n *yaml.Node, key string, depth int) {
	plain := n.Style == 0
	text, changed := e.expand(n.Value)
	if depth == 0 && (plain || n.Tag == "!env_var" || n.Tag == "!raw_env_var") {
		e.note(n.Value)
	}
	switch {
	case n.Tag == "!raw_env_var":
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: n.Line, Anchor: n.Anchor}
	case n.Tag == "!env_var" || plain && changed:
		e.reparse(n, text, key, depth)
	case plain:
		legacyBool(n)
	case changed:
		e.warn(n.Line, key, "%s is not substituted, because the text is in quotes or in a block: write it without, "+
			"or with a tag: !raw_env_var \"%[1]s\"", variables(n.Value))
	}
}

// reparse replaces n by text, read as YAML. Errors and warnings show only the names of variables,
// because the text may contain a password.
func (e *environment) reparse(n *yaml.Node, text, key string, depth int) {
	named := variables(n.Value)
	fail := func(err error) {
		e.mistakes = append(e.mistakes, fmt.Errorf("%s%d: %s: %w", e.at, n.Line, named, err))
	}
	if depth == maxDepth {
		fail(errors.New("the variable refers to itself"))
		return
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		fail(errors.New("is not valid YAML after substitution; !raw_env_var \"…\" reads any text unchanged"))
		return
	}
	value := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	if len(doc.Content) > 0 {
		value = doc.Content[0]
	}
	if how := lost(text, &doc, value); how != "" {
		e.warn(n.Line, key, "the value of %s is read as YAML, %s: write !raw_env_var \"%[1]s\" to keep any text", named, how)
	}
	if value.Tag == "!!null" {
		e.empty[n] = named
	}
	setLine(value, n.Line)
	e.resolve(value, key, depth+1)
	anchor := n.Anchor
	*n = *value
	n.Anchor = anchor
}

// lost returns the part of text that was lost when it was read as YAML, or "". Quotes around all of
// it are meant to be removed.
func lost(text string, doc, value *yaml.Node) string {
	text = strings.TrimSpace(text)
	switch quoted := value.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0; {
	case text == "":
		return ""
	case commented(doc):
		return "and what follows a # in it is dropped"
	case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
		return "which makes it null"
	case value.Kind == yaml.ScalarNode && !quoted && value.Value != text:
		return "which changes it"
	}
	return ""
}

// commented reports whether a tree has comments.
func commented(n *yaml.Node) bool {
	return n.HeadComment != "" || n.LineComment != "" || n.FootComment != "" || slices.ContainsFunc(n.Content, commented)
}

func (e *environment) warn(line int, key, format string, args ...any) {
	e.warnings = append(e.warnings, fmt.Sprintf("%s%d: %s: ", e.at, line, key)+fmt.Sprintf(format, args...))
}

// variables returns the references in text, without their defaults: ${USER}:${PASSWORD}.
func variables(text string) string {
	var all []string
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			return strings.Join(all, " and ")
		}
		text = text[i:]
		name, _, size := reference(text)
		if size == 0 {
			text = text[2:]
			continue
		}
		all = append(all, "${"+name+"}")
		text = text[size:]
	}
}

// note adds the variables in text, and in their defaults, to those that the file names.
func (e *environment) note(text string) {
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			return
		}
		name, fallback, size := reference(text[i:])
		if size == 0 {
			text = text[i+2:]
			continue
		}
		e.named[name] = fallback
		e.note(fallback)
		text = text[i+size:]
	}
}

// expand replaces each ${NAME} and ${NAME:default} in text. A default may contain other variables,
// and pairs of braces. ${} and ${ NAME } are not variables.
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

// reference parses the ${NAME} or ${NAME:default} at the start of text. Its size is 0 if there is
// none.
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

// legacyBool converts yes, no, on and off to booleans, as in YAML 1.1 and Python.
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
