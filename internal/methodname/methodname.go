// Package methodname determines the names of rows' methods on the wire.
package methodname

import (
	"strings"
	"unicode"

	"github.com/gomeko/gomeko/service"
)

// Of returns the name of a row's method on the wire. This is the tag key name or, without it, the
// method's name in Python's style: forget_user for ForgetUser.
func Of(r *service.Row) string {
	if name := r.Tag.Get("name"); name != "" {
		return name
	}
	return snake(r.Method)
}

func snake(camel string) string {
	name := []rune(camel)
	var b strings.Builder
	for i, c := range name {
		if i > 0 && unicode.IsUpper(c) &&
			(!unicode.IsUpper(name[i-1]) || i+1 < len(name) && unicode.IsLower(name[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
