package config

import (
	"regexp"

	"go.yaml.in/yaml/v3"
)

// hidden replaces a secret.
const hidden = "**"

var (
	// next matches the start of another URI in a list, password the user and password of a URI.
	next     = regexp.MustCompile(`[\s;,]+[\w+.-]+://`)
	password = regexp.MustCompile(`(://[^\s:/@]*):\S*@`)

	// login matches user:password@ without a scheme, as for MySQL's driver, option matches
	// password=… as in libpq, ODBC and URI parameters.
	login  = regexp.MustCompile(`^([^\s:/@]+):/?[^/\s]\S*@`)
	option = regexp.MustCompile(`(?i)((?:password|passwd|pwd|secret|token|api_?key)\s*=\s*)('[^']*'|[^\s;&']+)`)

	// secretKey matches a key whose whole value is secret.
	secretKey = regexp.MustCompile(`(?i)(passwords?|passwd|passphrase|pwd|secrets?|token|credentials?|(secret|access|api|private|signing|encryption)[_-]?keys?)$`)
)

// secret reports whether the value of a key is secret.
func secret(key string) bool { return secretKey.MatchString(key) }

// maskText replaces the passwords that it recognises in s by **.
func maskText(s string) string {
	masked, from := "", 0
	for _, at := range append(next.FindAllStringIndex(s, -1), []int{len(s), 0}) {
		masked += password.ReplaceAllString(s[from:at[0]], "$1:"+hidden+"@")
		from = at[0]
	}
	masked = login.ReplaceAllString(masked, "$1:"+hidden+"@")
	return option.ReplaceAllString(masked, "${1}"+hidden)
}

// masked returns a copy of a tree without comments and with secrets masked. With hide, all of it is
// secret.
func masked(n *yaml.Node, hide bool) *yaml.Node {
	if n == nil {
		return nil
	}
	c := *n
	c.HeadComment, c.LineComment, c.FootComment = "", "", ""
	c.Content = nil
	switch {
	case n.Tag == "!!null":
		c.Value = "null"
	case n.Kind == yaml.ScalarNode && hide:
		c.Value, c.Tag, c.Style = hidden, "!!str", 0
	case n.Kind == yaml.ScalarNode:
		c.Value = maskText(n.Value)
	case n.Kind == yaml.AliasNode && hide:
		c = *masked(n.Alias, true)
		c.Anchor = ""
		return &c
	}
	for i, child := range n.Content {
		isKey := n.Kind == yaml.MappingNode && i%2 == 0
		of := hide
		if n.Kind == yaml.MappingNode && !isKey {
			of = of || secret(n.Content[i-1].Value)
		}
		c.Content = append(c.Content, masked(child, of && !isKey))
	}
	return &c
}
