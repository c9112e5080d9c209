package service

import (
	"fmt"
	"go/token"
	"reflect"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gomeko/gomeko/internal/nearest"
	"github.com/gomeko/gomeko/internal/sequence"
	"github.com/gomeko/gomeko/signature"
)

// noMethod returns the error for a row whose method does not exist.
func (r *Row) noMethod(sig *signature.Signature, leading []reflect.Type) error {
	if !token.IsExported(r.Method) {
		return fmt.Errorf("the method %s must be exported: rename it to %s", r.Method, exported(r.Method))
	}
	what, rename := "no such method", "Rename the row"
	if r.Method != r.Name {
		what, rename = "no such method "+r.Method, "Correct the tag"
	}
	t := reflect.PointerTo(r.hosted.proto.Type())
	names := make([]string, t.NumMethod())
	for i := range names {
		names[i] = t.Method(i).Name
	}
	near := nearest.Likely(r.Method, names)
	if near == "" {
		return fmt.Errorf("%s: add %s", what, r.declaration(sig, leading, reflect.Method{}))
	}
	method, _ := t.MethodByName(near)
	return fmt.Errorf("%s (there is %s). %s, or add: %s", what, near, rename, r.declaration(sig, leading, method))
}

// declaration returns the head of a method that fits the signature, with the types of like as far
// as they are known: func (o *Orders) GetOrder(ctx context.Context, orderID int) (*Order, error).
func (r *Row) declaration(sig *signature.Signature, leading []reflect.Type, like reflect.Method) string {
	var known, results []reflect.Type
	if like.Type != nil {
		known = withoutContext(inputs(like.Type))
		for i := range leading {
			if len(known) > 0 && known[0] == leading[i] {
				known = known[1:]
			}
		}
		for i := range like.Type.NumOut() {
			results = append(results, like.Type.Out(i))
		}
	}
	service := r.hosted.proto.Type()
	spell := func(t reflect.Type) string {
		if sequence.Looks(t) {
			return "iter.Seq2[" + spellType(t.In(0).In(0), service) + ", error]"
		}
		return spellType(t, service)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "func (%s *%s) %s(ctx context.Context", initial(service), service.Name(), r.Method)
	for _, t := range leading {
		fmt.Fprintf(&b, ", %s %s", initial(t), spell(t))
	}
	for i, p := range sig.Params {
		t := guess(p)
		if len(known) == len(sig.Params) && fitsKind(known[i], p.Kind) {
			t = spell(known[i])
		}
		fmt.Fprintf(&b, ", %s %s", camel(p.Name), t)
	}
	if !sig.Listed && len(known) == 1 {
		fmt.Fprintf(&b, ", %s %s", initial(known[0]), spell(known[0]))
	}
	b.WriteString(") " + resultList(like.Type != nil, results, spell))
	return b.String()
}

// guess returns the Go type that the kind and the default of a parameter suggest.
func guess(p signature.Param) string {
	switch {
	case p.Kind == signature.Rest:
		return "[]any"
	case p.Kind == signature.Options:
		return "map[string]any"
	case p.Default != nil:
		return strings.NewReplacer("int64", "int", "interface {}", "any").Replace(fmt.Sprintf("%T", p.Default))
	}
	return "any"
}

// fitsKind reports whether a parameter of the kind can have the type.
func fitsKind(t reflect.Type, kind signature.Kind) bool {
	switch kind {
	case signature.Rest:
		return t.Kind() == reflect.Slice
	case signature.Options:
		return t.Kind() == reflect.Map && t.Key().Kind() == reflect.String
	}
	return true
}

// resultList spells the results of a method that returns the first of the given results and an
// error.
func resultList(known bool, results []reflect.Type, spell func(reflect.Type) string) string {
	switch {
	case !known:
		return "(any, error)"
	case len(results) == 0 || results[0] == errorType:
		return "error"
	}
	return "(" + spell(results[0]) + ", error)"
}

// spellType spells a type as it is written in the package of the service.
func spellType(t, service reflect.Type) string {
	pkg, _, _ := strings.Cut(service.String(), ".")
	own := regexp.MustCompile(`\b` + regexp.QuoteMeta(pkg) + `\.`)
	return own.ReplaceAllString(strings.ReplaceAll(t.String(), "interface {}", "any"), "")
}

// initial returns a name for a parameter or a receiver of type t.
func initial(t reflect.Type) string {
	for _, r := range strings.ToLower(t.Name()) {
		return string(r)
	}
	return "v"
}

// exported returns the name with a capital at its beginning.
func exported(name string) string {
	if name == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(first)) + name[size:]
}

// camel spells a name of Python as Go does: order_id is orderID.
func camel(name string) string {
	words := strings.Split(strings.Trim(name, "_"), "_")
	for i, w := range words[1:] {
		switch w {
		case "id", "url", "uri", "http", "json", "api", "ip":
			words[i+1] = strings.ToUpper(w)
		default:
			words[i+1] = exported(w)
		}
	}
	word := strings.Join(words, "")
	if word == "" || token.IsKeyword(word) {
		word += "_"
	}
	return word
}

// count returns the number of parameters and their types: 2 parameters (int, bool).
func count(params []reflect.Type) string {
	if len(params) == 0 {
		return "none"
	}
	types := make([]string, len(params))
	for i, t := range params {
		types[i] = t.String()
	}
	return fmt.Sprintf("%d (%s)", len(params), strings.Join(types, ", "))
}

// exampleList returns a signature with a name for each parameter: two(a, b).
func exampleList(name string, params []reflect.Type) string {
	names := make([]string, len(params))
	for i := range params {
		names[i] = string(rune('a' + i%26))
	}
	return fmt.Sprintf("%s(%s)", name, strings.Join(names, ", "))
}

// plural returns a number of things: 1 call, 2 calls.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
