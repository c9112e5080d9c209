package contract

import (
	"regexp"
	"slices"

	"github.com/gomeko/gomeko/codec"
)

// Definition returns the schema that the reference of s refers to, or nil if s has no reference or
// the document does not have that schema.
func (d *Document) Definition(s *codec.Schema) *codec.Schema { return d.Definitions[referred(s)] }

// whole matches the end of the name of a type that is sensitive as a whole.
var whole = regexp.MustCompile(`\.sensitive(\.\d+)?$`)

// maxSchemas limits how many schemas [Document.OnlyMembers] looks at.
const maxSchemas = 2000

// OnlyMembers reports whether a parameter is sensitive only because of members in its values that
// have Sensitive in their own schemas. If it returns false for a sensitive parameter, hide the
// values as a whole. It also returns false if the document does not say, as for a struct without a
// name.
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
