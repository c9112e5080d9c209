package signature_test

import (
	"cmp"
	"reflect"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/signature"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ text, want string }{
		{"any(a)", ""},
		{" any ( a , ) ", ""},
		{"", `has no signature: write name or name(a, b=1)`},
		{" ", `has no signature: write name or name(a, b=1)`},
		{"(a)", `signature "(a)" has no name`},
		{"a.b(a)", `unexpected ".b(a)"`},
		{"any(a", "expected , or ) at the end"},
		{"any(", "expected the name of a parameter at the end"},
		{"any(a b)", `expected , or ) at "b)"`},
		{"any(a))", `unexpected ")"`},
		{"any(,)", `expected the name of a parameter at ",)"`},
		{"any(1)", `expected the name of a parameter at "1)"`},
		{"any(a: int)", "parameter a: remove the annotation"},
		{"any(self, a)", "remove self"},
		{"any(a, a)", "parameter a is named twice"},
		{"any(a=1, b)", "parameter b has no default but follows a, which has one: put b first"},
		{"any(a, /)", "/ is not supported"},
		{"any(*)", "a bare * must be followed by a parameter"},
		{"any(*, **opts)", "a bare * must be followed by a parameter"},
		{"any(*a, *b)", "only one * is allowed"},
		{"any(*, *b)", "only one * is allowed"},
		{"any(**opts, a)", "**opts must be the last"},
		{"any(*rest=1)", "parameter rest cannot have a default"},
		{"any(**opts={})", "parameter opts cannot have a default"},
		{"any(a=)", "expected a Python literal"},
		{"any(a=x)", "expected a Python literal at \"x)\""},
		{"any(a=true)", "true is not a Python literal: write True"},
		{"any(a=null)", "null is not a Python literal: write None"},
		{"any(a=(1, 2))", "a default cannot be a tuple: write a list"},
		{"any(a='x)", "string without a closing quote"},
		{`any(a='\q')`, `unknown escape \q`},
		{`any(a='\u12')`, `unknown escape \u`},
		{`any(a='\`, "string ends in a backslash"},
		{"any(a=010)", "010 is not a number"},
		{"any(a=1.2.3)", "1.2.3 is not a number"},
		{"any(a=-inf)", "-inf is not a number"},
		{"any(a=[1)", "expected , or ]"},
		{"any(a={1: 2})", "expected a string as the key of a dict"},
		{"any(a={'x' 2})", "expected : after a key"},
		{"any(a={'x': 2)", "expected , or }"},
	} {
		_, err := signature.Parse(tc.text)
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", tc.text, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: got %v, want %s", tc.text, err, tc.want)
		}
	}
}

func TestListed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"any": false, "any()": true, "any(a)": true} {
		sig, err := signature.Parse(text)
		if err != nil {
			t.Error(err)
		} else if sig.Listed != want {
			t.Errorf("%s: got Listed %t, want %t", text, sig.Listed, want)
		}
	}
}

func TestLiterals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		literal string
		want    any
		repr    string // "" is literal
	}{
		{"None", nil, ""},
		{"True", true, ""},
		{"False", false, ""},
		{"0", int64(0), ""},
		{"-17", int64(-17), ""},
		{"1_000", int64(1000), "1000"},
		{"0xff", int64(255), "255"},
		{"1.5", 1.5, ""},
		{"2.0", 2.0, ""},
		{".5", 0.5, "0.5"},
		{"1e3", 1000.0, "1000.0"},
		{"-1.5E-7", -1.5e-7, "-1.5e-07"},
		{"1e16", 1e16, "1e+16"},
		{"''", "", ""},
		{"'a b'", "a b", ""},
		{`"it's"`, "it's", ""},
		{`'it\'s'`, "it's", `"it's"`},
		{`'\'"'`, `'"`, `'\'"'`},
		{`'\n\t\r\\'`, "\n\t\r\\", ""},
		{`'\x41\u00e9\U0001f600'`, "Aé😀", "'Aé😀'"},
		{`'\x00'`, "\x00", ""},
		{"'é, (x)'", "é, (x)", ""},
		{"[]", []any{}, ""},
		{"[1, 'two', [3.0], None,]", []any{int64(1), "two", []any{3.0}, nil}, "[1, 'two', [3.0], None]"},
		{"{}", map[string]any{}, ""},
		{"{'b': 1, 'a': [True]}", map[string]any{"a": []any{true}, "b": int64(1)}, "{'a': [True], 'b': 1}"},
	} {
		sig, err := signature.Parse("any(a=" + tc.literal + ")")
		if err != nil {
			t.Errorf("%s: %v", tc.literal, err)
			continue
		}
		if got := sig.Params[0].Default; !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %#v, want %#v", tc.literal, got, tc.want)
		}
		if got, want := sig.String(), "any(a="+cmp.Or(tc.repr, tc.literal)+")"; got != want {
			t.Errorf("%s: got %s, want %s", tc.literal, got, want)
		}
	}
	sig, err := signature.Parse("any(a=18446744073709551616)")
	if err != nil {
		t.Fatal(err)
	}
	if got := sig.String(); got != "any(a=18446744073709551616)" {
		t.Errorf("got %s, want the number whole", got)
	}
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	if got, err := signature.Literal(" 7 "); got != int64(7) || err != nil {
		t.Errorf("got %v, %v, want 7", got, err)
	}
	if _, err := signature.Literal("7 8"); err == nil || err.Error() != `unexpected "8"` {
		t.Errorf("got %v, want that the 8 is unexpected", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, spec := range []string{"any(a='\\x41')", "f(a, b=1, *rest, c, d=None, **opts)", "x(a=[{'k': -1e3}])", "x(a='"} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		sig, err := signature.Parse(spec)
		if err != nil {
			return
		}
		if len(sig.Params) > 0 {
			if again, err := signature.Parse(sig.String()); err != nil || again.String() != sig.String() {
				t.Errorf("%q reads as %s, which reads as %v, %v", spec, sig, again, err)
			}
		}
	})
}
