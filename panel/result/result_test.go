package result_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/panel/result"
)

// spell formats a value on one line.
func spell(v result.Value) string {
	var b strings.Builder
	switch {
	case v.Table != nil:
		fmt.Fprintf(&b, "%d rows %q", v.Rows, v.Head)
		for _, row := range v.Table {
			b.WriteString(" |")
			for _, one := range row {
				b.WriteString(" " + one.Text + ";")
			}
		}
	case v.Pairs != nil:
		for _, p := range v.Pairs {
			fmt.Fprintf(&b, "%s: (%s) ", p.Name, spell(p.Value))
		}
	default:
		b.WriteString(v.Text)
	}
	if v.Block {
		b.WriteString(" block")
	}
	if v.Cut {
		b.WriteString(" cut")
	}
	return strings.TrimSpace(b.String())
}

// TestOf checks how a page shows results.
func TestOf(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		``:                                  "",
		` null `:                            "–",
		`true`:                              "Yes",
		`12.340`:                            "12.340",
		`9007199254740993`:                  "9007199254740993",
		`"text"`:                            "text",
		`"<b>&amp;"`:                        "<b>&amp;",
		`"a\nb"`:                            "a\nb block",
		`"********"`:                        "not kept",
		`not JSON`:                          "not JSON",
		`{`:                                 "{ block",
		`[]`:                                "An empty list",
		`{}`:                                "An empty object",
		`[1,"a",null]`:                      `3 rows [] | 1; | a; | –;`,
		`[{"a":1,"b":"x"},{"b":"y","c":2}]`: `2 rows ["a" "b" "c"] | 1; x; ; | ; y; 2;`,
		`[[1,2],[3]]`:                       `2 rows [] | 1; 2; | 3; ;`,
		`[{"a":{"b":[1]}}]`:                 `1 rows ["a"] | {"b":[1]};`,
		`[1,{"a":1}]`:                       "[\n  1,\n  {\n    \"a\": 1\n  }\n] block",
		`{"count":2,"tags":["a","b"],"none":[],"rows":[{"x":1}],"deep":{"y":1}}`: "count: (2) tags: (a, b) none: (–) rows: (1 rows [\"x\"] | 1;) deep: ({\n  \"y\": 1\n} block)",
	} {
		if got := spell(result.Of([]byte(data))); got != want {
			t.Errorf("%s:\n got %s\nwant %s", data, got, want)
		}
	}
}

// hostile are results crafted to attack the reader of a page.
var hostile = map[string]string{
	"deep":              strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
	"deep objects":      strings.Repeat(`{"a":`, 50_000) + "1" + strings.Repeat("}", 50_000),
	"deep, within":      `{"a":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`,
	"not closed":        strings.Repeat(`[{"a":`, 50_000),
	"long":              `"` + strings.Repeat("x", 200_000) + `"`,
	"many elements":     "[" + strings.Repeat("1,", 100_000) + "1]",
	"many members":      "{" + strings.NewReplacer("{", "", "}", "").Replace(strings.TrimSuffix(columns(20_000), ",")) + "}",
	"many columns":      "[" + strings.TrimSuffix(columns(5000), ",") + "]",
	"wide rows":         "[[" + strings.Repeat("1,", 50_000) + "1],[1]]",
	"long cells":        "[" + strings.TrimSuffix(strings.Repeat(`["`+strings.Repeat("y", 2000)+`"],`, 200), ",") + "]",
	"long names":        `{"` + strings.Repeat("n", 200_000) + `":1}`,
	"many long members": "{" + strings.NewReplacer("{", "", "}", "", ":1", `:"`+strings.Repeat("z", 10_000)+`"`).Replace(strings.TrimSuffix(columns(100), ",")) + "}",
	"bytes":             "[\"\xff\xfe\", \"\\ud800\"]",
	"a number":          strings.Repeat("9", 200_000),
}

// columns returns objects, each with another member.
func columns(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"c%d":1},`, i)
	}
	return b.String()
}

// TestHostile shows hostile results. A page has at most a few hundred kilobytes of them.
func TestHostile(t *testing.T) {
	t.Parallel()
	for name, data := range hostile {
		v := result.Of([]byte(data))
		if size := len(spell(v)); size > 600<<10 {
			t.Errorf("%s: %d bytes are shown", name, size)
		}
		if name != "bytes" && !v.Cut {
			t.Errorf("%s: it is not said that there is more", name)
		}
		if size := len(data); size < 2<<20 {
			if err := result.CSV(io.Discard, []byte(data)); err != nil && !errors.Is(err, result.ErrNoTable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestCSV writes tables for spreadsheets.
func TestCSV(t *testing.T) {
	t.Parallel()
	for data, want := range map[string][][]string{
		`[{"a":1,"b":"x,\"y\"\nz"},{"b":null,"c":[1, {}]}]`: {{"a", "b", "c"}, {"1", "x,\"y\"\nz", ""}, {"", "", "[1,{}]"}},
		`["a",2,true]`: {{"a"}, {"2"}, {"true"}},
		`[[1,2],[3]]`:  {{"1", "2"}, {"3", ""}},
		`[{"=1":"=cmd|' /C calc'!A0"},{"=1":"-5"},{"=1":"+5"},{"=1":"@SUM(A1)"},{"=1":"-1+1"},{"=1":"\t=1"},{"=1":"＝1"},{"=1":-5},{"=1":"a=1"}]`: {
			{"'=1"}, {"'=cmd|' /C calc'!A0"}, {"-5"}, {"+5"}, {"'@SUM(A1)"}, {"'-1+1"}, {"'\t=1"}, {"'＝1"}, {"-5"}, {"a=1"},
		},
		`[1,{"a":1}]`: nil, `{}`: nil, `[]`: nil, `12`: nil, `[`: nil,
	} {
		var b bytes.Buffer
		err := result.CSV(&b, []byte(data))
		if result.IsTable([]byte(data)) != (want != nil) || (err == nil) != (want != nil) {
			t.Errorf("%s: got %v", data, err)
		}
		if want == nil {
			if !errors.Is(err, result.ErrNoTable) || b.Len() > 0 {
				t.Errorf("%s: got %v, %q", data, err, &b)
			}
			continue
		}
		text, ok := strings.CutPrefix(b.String(), "\uFEFF")
		if !ok || !strings.HasSuffix(text, "\r\n") {
			t.Errorf("%s: got %q", data, text)
		}
		got, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %q, %v\nwant %q", data, got, err, want)
		}
	}
}

// TestEscaped shows a result with markup in a template.
func TestEscaped(t *testing.T) {
	t.Parallel()
	const payload = `</td><script>alert(1)</script><img src=x onerror=alert(1)>`
	name, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	page := template.Must(template.New("").Parse(`{{range .Head}}<th>{{.}}</th>{{end}}{{range .Table}}{{range .}}<td title="{{.Text}}">{{.Text}}</td>{{end}}{{end}}`))
	var b bytes.Buffer
	if err := page.Execute(&b, result.Of([]byte("[{"+string(name)+":"+string(name)+"}]"))); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "<script") || strings.Contains(b.String(), "<img") || !strings.Contains(b.String(), "&lt;script&gt;") {
		t.Errorf("got %s", &b)
	}
}

// FuzzOf shows arbitrary data, and writes it as a file.
func FuzzOf(f *testing.F) {
	for _, seed := range []string{`[{"a":1},{"b":[2]}]`, `{"a":[[1]],"b":{"c":"\n"}}`, `"\ud800"`, `[[[[`, `{"a":1,"a":[2,3]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		spell(result.Of([]byte(data)))
		if err := result.CSV(io.Discard, []byte(data)); err != nil && !errors.Is(err, result.ErrNoTable) {
			t.Error(err)
		}
	})
}

// A page shows a result as a table, and offers it as a spreadsheet.
func Example() {
	data := []byte(`[{"product": "tea", "left": 3}, {"product": "=1+1", "left": null}]`)
	v := result.Of(data)
	fmt.Println(v.Head, len(v.Table))

	var b bytes.Buffer
	if err := result.CSV(&b, data); err != nil {
		fmt.Println(err)
	}
	fmt.Print(strings.TrimPrefix(strings.ReplaceAll(b.String(), "\r\n", "\n"), "\uFEFF"))
	// Output:
	// [product left] 2
	// product,left
	// tea,3
	// '=1+1,
}
