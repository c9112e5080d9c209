package config

import (
	"regexp"

	"go.yaml.in/yaml/v3"
)

// next is where another URI of a list begins, password what stands between a URI's user and its last @.
var (
	next     = regexp.MustCompile(`[\s;,]+[\w+.-]+://`)
	password = regexp.MustCompile(`(://[^\s:/@]*):\S*@`)
)

// maskURIs puts ** in the place of each password of a URI in s.
func maskURIs(s string) string {
	masked, from := "", 0
	for _, at := range append(next.FindAllStringIndex(s, -1), []int{len(s), 0}) {
		masked += password.ReplaceAllString(s[from:at[0]], "$1:**@")
		from = at[0]
	}
	return masked
}

// masked returns a copy of a tree without comments and with its passwords masked.
func masked(n *yaml.Node) *yaml.Node {
	if n == nil {
		return nil
	}
	c := *n
	c.HeadComment, c.LineComment, c.FootComment = "", "", ""
	c.Content = nil
	if n.Kind == yaml.ScalarNode {
		c.Value = maskURIs(n.Value)
	}
	for _, child := range n.Content {
		c.Content = append(c.Content, masked(child))
	}
	return &c
}
