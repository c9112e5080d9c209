package form_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/service"
)

// A round is a type with everything for which a form has a field.
type round struct {
	Text   string            `json:"text"`
	Email  string            `json:"email" format:"email"`
	Plan   string            `json:"plan" enum:"free,pro"`
	Level  int               `json:"level" enum:"1,2" default:"1"`
	Count  int64             `json:"count"`
	Rate   float64           `json:"rate"`
	On     bool              `json:"on"`
	At     string            `json:"at" format:"date-time"`
	Day    codec.Date        `json:"day"`
	Clock  codec.TimeOfDay   `json:"clock"`
	Price  codec.Decimal     `json:"price"`
	Bytes  []byte            `json:"bytes"`
	Lines  []line            `json:"lines"`
	Grid   [][]int           `json:"grid"`
	Labels map[string]string `json:"labels"`
	Tree   tree              `json:"tree"`
	Extra  any               `json:"extra"`
	Opt    optionals         `json:"opt"`
}

const full = `{"text":"a\nb ","email":"a@example.org","plan":"pro","level":2,"count":9007199254740993,"rate":1e-7,"on":true,` +
	`"at":"2026-01-02T03:04:05.123+05:30","day":"2026-01-02","clock":"03:04:05","price":"1.20","bytes":"AP8=",` +
	`"lines":[{"product":"tea","count":2}],"grid":[[1,2],[],[3]],"labels":{"a/b":"~1","":"x"},` +
	`"tree":{"name":"t","children":[{"name":"c","children":[],"next":{"name":"n","children":[],"next":null}}],"next":null,"named":{"k":{"name":"","children":[],"next":null}}},` +
	`"extra":{"a":[1,"\u0000",null]},` +
	`"opt":{"text":"t","ptr":"","number":5,"flag":false,"unit":"box","on":false,"tags":["a"],"line":{"product":"tea","count":1},"counts":{"x":1},"any":[]}}`

// TestFill fills a form with arguments, and lets a browser send it back: the arguments are the
// same. It tries the values of one place after the other, together with those of the other places.
func TestFill(t *testing.T) {
	t.Parallel()
	f := formOf(t, reflect.TypeFor[round](), "")
	changes := [][2]string{
		{`"a\nb "`, `"\u0001\r\n\t\u0000"`},                                          // not in a text of a browser
		{`"a\nb "`, `"\n\n"`},                                                        // a browser drops the first one
		{`"a\nb "`, `"<script>alert(1)</script>\"'&amp;"`},                           //
		{`"a\nb "`, `""`},                                                            //
		{`2026-01-02T03:04:05.123+05:30`, `2026-01-02T03:04:05.123456789Z`},          // not of a picker
		{`2026-01-02T03:04:05.123+05:30`, `2026-01-02t03:04:05z`},                    //
		{`2026-01-02T03:04:05.123+05:30`, `2026-01-02T03:04:05-11:11`},               // an odd offset
		{`"clock":"03:04:05"`, `"clock":"03:04:05.123456"`},                          //
		{`9007199254740993`, `-9223372036854775808`},                                 //
		{`"rate":1e-7`, `"rate":1e300`},                                              // not in an input for numbers
		{`"lines":[{"product":"tea","count":2}]`, `"lines":null`},                    //
		{`"lines":[{"product":"tea","count":2}]`, `"lines":[]`},                      //
		{`"labels":{"a/b":"~1","":"x"}`, `"labels":null`},                            //
		{`"labels":{"a/b":"~1","":"x"}`, `"labels":{"\r":"x"}`},                      // not in an input
		{`"bytes":"AP8="`, `"bytes":null`},                                           //
		{`"grid":[[1,2],[],[3]]`, `"grid":[` + strings.Repeat("[],", 300) + `null]`}, // too many rows
		{`"extra":{"a":[1,"\u0000",null]}`, `"extra":null`},                          //
		{`"ptr":"",`, `"ptr":null,`}, {`"ptr":"",`, ``}, {`"text":"t",`, `"text":"",`}, {`"text":"t",`, ``},
		{`"number":5,`, `"number":null,`}, {`"number":5,`, ``}, {`"flag":false,`, `"flag":null,`}, {`"flag":false,`, `"flag":true,`},
		{`"tags":["a"],`, `"tags":[],`}, {`"tags":["a"],`, `"tags":null,`}, {`"tags":["a"],`, ``},
		{`"line":{"product":"tea","count":1},`, `"line":null,`}, {`"line":{"product":"tea","count":1},`, ``},
		{`"counts":{"x":1},`, ``}, {`,"any":[]`, `,"any":null`}, {`,"any":[]`, ``},
	}
	rounds := []string{full}
	for n := map[string]int{}; len(changes) > 0; changes = changes[1:] {
		place, value := changes[0][0], changes[0][1]
		if n[place]++; n[place] == len(rounds) {
			rounds = append(rounds, full)
		}
		changed := strings.Replace(rounds[n[place]], place, value, 1)
		if changed == rounds[n[place]] {
			t.Fatalf("%s is not in %s", place, full)
		}
		rounds[n[place]] = changed
	}
	for _, want := range rounds {
		in := f.Fill([]byte(`{"v":` + want + `}`))
		if len(in.Changes()) > 0 {
			t.Errorf("%s: changes %v", want, in.Changes())
		}
		args, faults := f.Parse(submit(t, in)).Arguments()
		if faults != nil {
			t.Errorf("%s: %v", want, faults)
			continue
		}
		if got := valueOf(t, args, "v"); !same(t, got, []byte(want)) {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
}

// same reports whether two JSON values are equal, including their digits.
func same(t testing.TB, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := codec.JSON.Decode(a, &x); err != nil {
		t.Fatal(err, string(a))
	}
	if err := codec.JSON.Decode(b, &y); err != nil {
		t.Fatal(err, string(b))
	}
	return reflect.DeepEqual(x, y)
}

// TestSameFaults compares the faults of a form with those of a worker that decodes and checks the
// same arguments.
func TestSameFaults(t *testing.T) {
	t.Parallel()
	type inner struct {
		Min    int               `json:"min" min:"1"`
		Float  float32           `json:"float" max:"0.1"`
		Text   string            `json:"text" minLength:"2" maxLength:"3" pattern:"^[a-z]*$"`
		Plan   string            `json:"plan" enum:"free,pro"`
		Level  uint8             `json:"level" enum:"1,2"`
		Mail   string            `json:"mail" format:"email"`
		At     string            `json:"at" format:"date-time"`
		Price  string            `json:"price" format:"decimal" min:"0.01"`
		Dec    codec.Decimal     `json:"dec" max:"10"`
		ID     *string           `json:"id" format:"uuid"`
		List   []string          `json:"list" minLength:"1"`
		Matrix [][]int           `json:"matrix" min:"0"`
		Map    map[string]string `json:"map" format:"uri"`
	}
	type outer struct {
		In    inner            `json:"in"`
		All   []inner          `json:"all"`
		Named map[string]inner `json:"named"`
	}
	const good = `{"min":1,"float":0.1,"text":"ab","plan":"pro","level":2,"mail":"a@b","at":"2026-01-02T03:04:05Z","price":"1","dec":"1","id":null,"list":["a"],"matrix":[[0]],"map":{}}`
	const bad = `{"min":0,"float":0.2,"text":"ABCD","plan":"x","level":3,"mail":"a","at":"2026","price":"0","dec":"11","id":"x","list":["a",""],"matrix":[[0],[1,-1]],"map":{"a/b":"x"}}`
	f := formOf(t, reflect.TypeFor[outer](), "")
	for _, arguments := range []string{
		`{"in":` + good + `,"all":[` + good + `],"named":{}}`,
		`{"in":` + bad + `,"all":[],"named":{}}`,
		`{"in":` + good + `,"all":[` + good + `,` + bad + `],"named":{"n~":` + bad + `}}`,
		`{"in":` + good + `,"all":[` + strings.Repeat(bad+",", 12) + bad + `],"named":{}}`, // more faults than are kept
	} {
		err := codec.DecodeChecked(codec.JSON, []byte(arguments), new(outer), false)
		var want []service.Fault
		var invalid *service.ValidationError
		if errors.As(err, &invalid) {
			want = invalid.Faults
		} else if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			want[i].Pointer = "/v" + want[i].Pointer
		}
		_, faults := f.Parse(submit(t, f.Fill([]byte(`{"v":`+arguments+`}`)))).Arguments()
		if len(want) > 100 || !reflect.DeepEqual(faults, want) {
			t.Errorf("%s:\n got %v\nwant %v", arguments, faults, want)
		}
	}
}

// TestFillChanged fills a form with arguments of an earlier version of its row.
func TestFillChanged(t *testing.T) {
	t.Parallel()
	f := formOf(t, reflect.TypeFor[line](), "")
	in := f.Fill([]byte(`{"v":{"product":5,"count":99,"color":"red"},"old":1}`))
	if got, want := submit(t, in).Get("json:/v/product"), "5"; got != want {
		t.Errorf("product: got %q, want %q", got, want)
	}
	if got, want := len(in.Changes()), 2; got != want {
		t.Fatalf("got %v", in.Changes())
	}
	if got, want := in.Changes()[0].String()+"; "+in.Changes()[1].String(), "/v/color is gone: it was an argument of the earlier run; /old is gone: it was an argument of the earlier run"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := result(in), "/v/product must be a text; /v/count must be at most 9"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if e := find(t, in, "/v/count"); e.attributes["aria-invalid"] != "true" {
		t.Errorf("the count is not marked: %v", e)
	}
}

// TestPosition passes values to *args, which require values before them, and to **kwargs.
func TestPosition(t *testing.T) {
	t.Parallel()
	number, text := &codec.Schema{Type: codec.TypeNames{"integer"}}, &codec.Schema{Type: codec.TypeNames{"string"}}
	f := newForm(t, &contract.Document{Rows: []contract.Row{{Name: "Row", Parameters: []contract.Parameter{
		{Name: "a", Kind: "positional", Required: true, Schema: number},
		{Name: "b", Kind: "positional", Default: json.RawMessage("2"), Schema: number},
		{Name: "more", Kind: "rest", Schema: text},
		{Name: "key", Kind: "keyword", Default: json.RawMessage("null"), Schema: text},
		{Name: "others", Kind: "options", Schema: number},
	}}}})
	for sent, want := range map[string]string{
		"/a=1":     "a=1",
		"/a=1&/b=": "a=1",
		"/a=1&row:/more=0&/more/0=x&/key=k&row:/others=0&key:/others/0=o&/others/0=7": `a=1 more=["x"] key="k" others={"o":7}`,
		"/a=1&row:/others=0&key:/others/0=a&/others/0=7":                              "/a is the name of a parameter: choose another",
		"/a=1&row:/others=0&key:/others/0=o&/others/0=x":                              "/o must be a whole number",
		"row:/more=0": "/a is required",
	} {
		values, err := url.ParseQuery(sent)
		if err != nil {
			t.Fatal(err)
		}
		in := f.Parse(values)
		got := result(in)
		if got != want {
			t.Errorf("%s: got %s, want %s", sent, got, want)
			continue
		}
		args, faults := in.Arguments()
		if faults != nil {
			continue
		}
		again := f.Fill(args)
		if changes := again.Changes(); len(changes) > 0 {
			t.Errorf("%s: got %v", sent, changes)
		}
		if got, want := result(f.Parse(submit(t, again))), strings.Replace(want, "a=1", "a=1 b=2", 1); got != want {
			t.Errorf("%s: again: got %s, want %s", sent, got, want)
		}
	}
}

// TestMark shows the faults found by a worker, also in a form that the worker does not know.
func TestMark(t *testing.T) {
	t.Parallel()
	f := formOf(t, reflect.TypeFor[round](), "")
	in := f.Fill([]byte(`{"v":` + full + `}`))
	in.Mark([]service.Fault{
		{Pointer: "/v/lines/0/product", Message: "is sold out"},
		{Pointer: "/v/labels/a~1b", Message: "is <b>reserved</b>"},
		{Pointer: "/v/extra/a/0", Message: "is too small"},
		{Pointer: "/v/lines/7/product", Message: "is wrong"},
		{Pointer: "/new", Message: "is required"},
		{Pointer: "", Message: "is closed today"},
		{Pointer: "v", Message: "has a pointer that is not one"},
	})
	html, err := in.HTML()
	if err != nil {
		t.Fatal(err)
	}
	all := elements(t, html)
	for name, want := range map[string]string{
		"/v/lines/0/product": "is sold out", "/v/labels/0": "is <b>reserved</b>", "json:/v/extra": "/a/0 is too small",
	} {
		e := named(all, "name", name)
		if e == nil || e.attributes["aria-invalid"] != "true" {
			t.Errorf("%s is not marked", name)
			continue
		}
		if i := strings.Index(e.attributes["aria-describedby"], ":fault"); i < 0 || !strings.Contains(named(all, "id", e.attributes["id"]+":fault").text, want) {
			t.Errorf("%s: got %v, want %s", name, e, want)
		}
	}
	for _, want := range []string{"7 values are wrong", "The form /new is required", "The form is closed today", `<a href="#f-v-lines">V, Lines: /7/product is wrong</a>`, "The form v has a pointer"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("no %q in\n%s", want, html)
		}
	}
}
