package signature_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"testing"

	"github.com/gomeko/gomeko/signature"
)

// grid has the signatures of testdata/getcallargs.py.
var grid = map[string]string{
	"none":         "none()",
	"one":          "one(a)",
	"two":          "two(a, b)",
	"three":        "three(a, b, c)",
	"default":      "default(a, b=1)",
	"defaults":     "defaults(a=1, b='two')",
	"star":         "star(a, *rest)",
	"star_default": "star_default(a, b=1, *rest)",
	"only":         "only(a, *, c)",
	"only_default": "only_default(a, b=1, *, c, d=None)",
	"only_two":     "only_two(*, c, d)",
	"opts":         "opts(a, **opts)",
	"all":          "all(a, b=1, *rest, c, d=None, **opts)",
	"fields":       "fields(a, b=1)",
}

// A plain is an argument that needs no decoding.
type plain struct{ v any }

func (p plain) Decode(v any) error {
	*v.(*any) = p.v
	return nil
}

// TestMatch compares the results with those of Python's inspect.getcallargs for the same calls.
func TestMatch(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/getcallargs.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name   string
		Args   []any
		Kwargs [][2]any
		Bound  []any
		Error  string
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 300 {
		t.Fatalf("got %d cases, want a few hundred", len(cases))
	}
	for _, tc := range cases {
		sig, err := signature.Parse(grid[tc.Name])
		if err != nil {
			t.Fatal(err)
		}
		var args signature.Arguments
		for _, v := range tc.Args {
			args.Positional = append(args.Positional, plain{v})
		}
		for _, kw := range tc.Kwargs {
			args.Keyword = append(args.Keyword, signature.Named{Name: kw[0].(string), Value: plain{kw[1]}})
		}
		m, err := sig.Match(args, nil)
		switch {
		case tc.Error == "" && err != nil:
			t.Errorf("%s(*%v, **%v): got error %v, want %v", tc.Name, tc.Args, tc.Kwargs, err, tc.Bound)
		case tc.Error != "" && (err == nil || err.Error() != tc.Error):
			t.Errorf("%s(*%v, **%v):\n got %v\nwant %v", tc.Name, tc.Args, tc.Kwargs, err, tc.Error)
		case tc.Error == "":
			if got := bound(t, sig, m); !reflect.DeepEqual(got, tc.Bound) {
				t.Errorf("%s(*%v, **%v): got %v, want %v", tc.Name, tc.Args, tc.Kwargs, got, tc.Bound)
			}
		}
	}
}

// bound returns the value of each parameter, in the form of the test data.
func bound(t *testing.T, sig *signature.Signature, m signature.Matched) []any {
	t.Helper()
	values := []any{}
	for i, p := range sig.Params {
		switch {
		case p.Kind == signature.Rest:
			list := []any{}
			for _, v := range m.Rest {
				list = append(list, v.(plain).v)
			}
			values = append(values, list)
		case p.Kind == signature.Options:
			dict := map[string]any{}
			for _, kw := range m.Options {
				dict[kw.Name] = kw.Value.(plain).v
			}
			values = append(values, dict)
		case m.Given[i] != nil:
			values = append(values, m.Given[i].(plain).v)
		default:
			values = append(values, p.Default)
		}
	}
	text, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	var got []any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestPython compares the test data with the output of Python 3.11, if it is installed. The wording
// differs between versions.
func TestPython(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3.11")
	if err != nil {
		t.Skip(err)
	}
	want, err := os.ReadFile("testdata/getcallargs.json")
	if err != nil {
		t.Fatal(err)
	}
	script := exec.CommandContext(t.Context(), python, "getcallargs.py")
	script.Dir = "testdata"
	if got, err := script.Output(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes of getcallargs.py, %v, want the %d of getcallargs.json", len(got), err, len(want))
	}
}
