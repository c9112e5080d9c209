package contract

import (
	"regexp"
	"slices"

	"github.com/gomeko/gomeko/codec"
)

// Definition returns the schema that the reference of s refers to, nil if s has none, or if the
// document does not have that schema.
func (d *Document) Definition(s *codec.Schema) *codec.Schema { return d.Definitions[referred(s)] }

// whole is the end of the name of a type of which all is sensitive.
var whole = regexp.MustCompile(`\.sensitive(\.\d+)?$`)

// maxSchemas is how many schemas [Document.OnlyMembers] looks at.
const maxSchemas = 2000

// OnlyMembers reports whether a parameter is sensitive only because of members in its values that
// are marked themselves, which have Sensitive in their schemas. Otherwise all of its values must be
// hidden, if it is sensitive. That is also so where the document does not say: for a struct without
// a name, for example.
func (d *Document) OnlyMembers(p *Parameter) bool {
	seen := map[*codec.Schema]bool{}
	var within func(s *codec.Schema, named bool) bool
	within = func(s *codec.Schema, named bool) bool {
		if s == nil || seen[s] || len(seen) > maxSchemas {
			return false
		}
		seen[s] = true
		if whole.MatchString(referred(s)) {
			return false
		}
		for _, m := range s.Properties {
			if m.Schema != nil && (named && m.Schema.Sensitive || within(m.Schema, named)) {
				return true
			}
		}
		if within(d.Definition(s), true) || within(s.Items, named) || within(s.AdditionalProperties, named) {
			return true
		}
		return slices.ContainsFunc(s.AnyOf, func(one *codec.Schema) bool { return within(one, named) })
	}
	return p.Sensitive && within(p.Schema, false)
}
