package form_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/panel/form"
)

// TestHostileDocument uses documents that none of our services send. Each form is bounded, and can
// be sent and filled.
func TestHostileDocument(t *testing.T) {
	t.Parallel()
	wide := make([]string, 3000)
	for i := range wide {
		wide[i] = fmt.Sprintf(`"p%d":{"$ref":"#/$defs/wide"}`, i)
	}
	deep := strings.Repeat(`{"type":"array","items":`, 500) + `{}` + strings.Repeat(`}`, 500)
	for name, schemas := range map[string][2]string{
		"a reference to itself":          {`{"$ref":"#/$defs/a"}`, `"a":{"$ref":"#/$defs/a"}`},
		"references in a circle":         {`{"$ref":"#/$defs/a"}`, `"a":{"$ref":"#/$defs/b"},"b":{"anyOf":[{"$ref":"#/$defs/a"}]}`},
		"a reference to nothing":         {`{"$ref":"#/$defs/none"}`, ``},
		"a reference to elsewhere":       {`{"$ref":"https://example.org/schema"}`, ``},
		"a member that requires itself":  {`{"$ref":"#/$defs/a"}`, `"a":{"type":"object","required":["a","b"],"properties":{"a":{"$ref":"#/$defs/a"},"b":{"$ref":"#/$defs/a"}}}`},
		"a list of itself":               {`{"$ref":"#/$defs/a"}`, `"a":{"type":"array","items":{"$ref":"#/$defs/a"}}`},
		"a map of itself":                {`{"$ref":"#/$defs/a"}`, `"a":{"type":"object","additionalProperties":{"$ref":"#/$defs/a"}}`},
		"an optional group of itself":    {`{"$ref":"#/$defs/a"}`, `"a":{"type":"object","properties":{"a":{"$ref":"#/$defs/a"},"b":{"$ref":"#/$defs/a"}}}`},
		"3000 members of 3000 members":   {`{"$ref":"#/$defs/wide"}`, `"wide":{"type":"object","required":["p0","p1"],"properties":{` + strings.Join(wide, ",") + `}}`},
		"lists within lists":             {deep, ``},
		"a pattern that is not one":      {`{"type":"string","pattern":"("}`, ``},
		"a pattern of 100 kB":            {`{"type":"string","pattern":"` + strings.Repeat("(a?)", 25_000) + `"}`, ``},
		"limits that are not numbers":    {`{"type":"integer","minimum":1e999999999,"maximum":-1}`, ``},
		"an enum of everything":          {`{"type":"string","enum":[1,null,"","a","a",{"b":1},["c"],true]}`, ``},
		"an enum of nothing":             {`{"type":"integer","enum":[]}`, ``},
		"types that do not exist":        {`{"type":["text","number"]}`, ``},
		"nothing but null":               {`{"type":"null"}`, ``},
		"null in place of a schema":      {`{"type":"object","properties":{"a":null,"b":{"anyOf":[null]}},"items":null}`, ``},
		"nothing at all":                 {`{"not":{}}`, ``},
		"names that no form has":         {`{"type":"object","required":["","/","~","\u0000","~r1"],"properties":{"":{"type":"string"},"/":{"type":"string"},"~":{"type":"string"},"~r1":{"type":"string"},"\u0000":{"type":"string"},"a b":{"type":"object","additionalProperties":{"type":"string"}}}}`, ``},
		"a default that does not fit":    {`{"type":"object","properties":{"a":{"type":"integer","default":"x"},"b":{"type":"array","items":{},"default":{"c":1}},"d":{"type":"object","properties":{"e":{}},"default":[]}}}`, ``},
		"a limit of elements below zero": {`{"type":"array","items":{},"maxItems":-1}`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := new(contract.Document)
			text := `{"service":"shop","rows":[{"name":"Row","parameters":[{"name":"v","kind":"positional","required":true,"schema":` + schemas[0] + `}]}],"$defs":{` + schemas[1] + `}}`
			if err := json.Unmarshal([]byte(text), d); err != nil {
				t.Fatal(err)
			}
			f, err := form.New(d, "Row")
			if err != nil {
				t.Fatal(err)
			}
			in := f.Blank()
			for range 3 { // also with rows
				html, err := in.HTML()
				if err != nil {
					t.Fatal(err)
				}
				if len(html) > 8<<20 {
					t.Fatalf("the form has %d bytes", len(html))
				}
				values := submit(t, in)
				for _, e := range elements(t, html) {
					if strings.HasPrefix(e.attributes["name"], "add:") {
						values.Set(e.attributes["name"], "1")
					}
				}
				in = f.Parse(values)
				in.Arguments()
			}
			form.Diff(f, f)
			for _, value := range []string{`null`, `1`, `"a"`, `[[[[]]]]`, `{"a":{"a":{"a":{"a":{}}}}}`, `NaN`, strings.Repeat("[", 9000) + strings.Repeat("]", 9000)} {
				in := f.Fill([]byte(`{"v":` + value + `}`))
				f.Parse(submit(t, in)).Arguments()
			}
		})
	}
}

// TestHostileValues uses values that no browser sends for the form.
func TestHostileValues(t *testing.T) {
	t.Parallel()
	f := formOf(t, reflect.TypeFor[round](), "")
	for name, test := range map[string]struct {
		values url.Values
		want   string
	}{
		"a name that the form does not have": {url.Values{"/w": {"1"}}, `has no field "/w"`},
		"names of others":                    {url.Values{"csrf_token": {"1"}, "v": {"2"}}, ""},
		"a deep name":                        {url.Values{"/v" + strings.Repeat("/tree/next", 5000): {"1"}}, "has no field"},
		"NUL":                                {url.Values{"/v/text": {"a\x00b"}}, "/v/text must not have NUL characters, or bytes that are not UTF-8"},
		"bytes that are not UTF-8":           {url.Values{"/v/text": {"\xff"}}, "/v/text must not have NUL characters, or bytes that are not UTF-8"},
		"a name of an entry with NUL":        {url.Values{"row:/v/labels": {"0"}, "key:/v/labels/0": {"\x00"}}, "must not have NUL characters"},
		"a value twice":                      {url.Values{"/v/text": {"a", "b"}}, "/v/text was sent 2 times"},
		"rows":                               {url.Values{"row:/v/lines": make([]string, 1000)}, "/v/lines has a row that the form does not have"},
		"a row far away":                     {url.Values{"row:/v/lines": {"99999999999999999999"}}, "/v/lines has a row that the form does not have"},
		"a row of another spelling":          {url.Values{"row:/v/lines": {"00"}}, "/v/lines has a row that the form does not have"},
		"a long text":                        {url.Values{"/v/text": {strings.Repeat("x", 2<<20)}}, "is too large: a form takes 1024 KiB and 5000 values"},
		"JSON that is deep":                  {url.Values{"json:/v/extra": {strings.Repeat("[", 100_000)}}, "/v/extra must be JSON"},
		"JSON in place of a group":           {url.Values{"json:/v": {`{"text":1}`}}, "/v/text must be a text"},
		"a number of a million digits":       {url.Values{"/v/count": {strings.Repeat("9", 1_000_000)}}, "/v/count must be a whole number"},
		"a number with an exponent":          {url.Values{"/v/count": {"1e999999999"}}, "/v/count must be a whole number"},
		"a state that a field cannot have":   {url.Values{"empty:/v/count": {"null"}}, "/v/count is required"},
		"a signature":                        {url.Values{"signature:": {`[["/v","x"],` + strings.Repeat(`["a","b"],`, 9999) + `["a","b"]]`}}, ""},
	} {
		in := f.Parse(test.values)
		if got := result(in); !strings.Contains(got, test.want) {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
		if _, err := in.HTML(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	values := url.Values{}
	for i := range 6000 {
		values.Set(fmt.Sprintf("/v/%d", i), "")
	}
	if got := result(f.Parse(values)); !strings.Contains(got, "is too large") {
		t.Errorf("got %s", got)
	}
}

// TestEscaped inserts markup wherever a document or a browser can.
func TestEscaped(t *testing.T) {
	t.Parallel()
	const payload = `"'></textarea></script></select></template><img src=x onerror=alert(1)><script>alert(1)</script>{{.}}&amp;javascript:`
	quoted, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	text := codec.TypeNames{"string"}
	minimum := json.Number(payload)
	one := 1
	f, err := form.New(&contract.Document{
		Service: payload,
		Rows: []contract.Row{{Name: payload, Title: payload, Doc: payload, Text: payload, Parameters: []contract.Parameter{
			{Name: payload, Kind: "positional", Doc: payload, Default: quoted, Schema: &codec.Schema{Type: text, Description: payload, Pattern: payload, MinLength: &one}},
			{Name: "enum" + payload, Kind: "positional", Default: quoted, Schema: &codec.Schema{Type: text, Enum: []any{payload}}},
			{Name: "number" + payload, Kind: "positional", Default: quoted, Schema: &codec.Schema{Type: codec.TypeNames{"integer"}, Minimum: minimum, Maximum: minimum}},
			{Name: "list" + payload, Kind: "positional", Default: json.RawMessage("[" + string(quoted) + "]"), Schema: &codec.Schema{Type: codec.TypeNames{"array"}, Items: &codec.Schema{Type: text}}},
			{Name: "map" + payload, Kind: "positional", Default: json.RawMessage("{" + string(quoted) + ":" + string(quoted) + "}"), Schema: &codec.Schema{Type: codec.TypeNames{"object"}, AdditionalProperties: &codec.Schema{Type: text}}},
			{Name: "group" + payload, Kind: "positional", Schema: &codec.Schema{Type: codec.TypeNames{"object"}, Properties: codec.Properties{{Name: payload, Schema: &codec.Schema{Description: payload, Default: quoted}}}}},
			{Name: "format" + payload, Kind: "positional", Schema: &codec.Schema{Type: text, Format: payload, ContentEncoding: payload}},
			{Name: "long" + payload, Kind: "positional", Default: json.RawMessage(`"` + strings.Repeat("x", 200) + string(quoted[1:])), Schema: &codec.Schema{Type: text}},
		}}},
	}, payload)
	if err != nil {
		t.Fatal(err)
	}
	blank := f.Blank()
	values := submit(t, blank)
	values.Set("add:/group"+strings.ReplaceAll(strings.ReplaceAll(payload, "~", "~0"), "/", "~1"), "1")
	values.Set("signature:", `[[`+string(quoted)+`,`+string(quoted)+`]]`)
	values.Set("/"+payload, "1")
	in := f.Parse(values)
	in.Arguments()
	in.Mark([]form.Fault{{Pointer: payload, Message: payload}, {Pointer: "/enum" + payload, Message: payload}})
	markup := regexp.MustCompile(`(?i)<(script|img|style|iframe|svg|object)|href="[^#]`)
	tags := map[string]bool{"form": true}
	for _, tag := range strings.Fields("div button input h2 ul li a fieldset legend label span p select option textarea template") {
		tags[tag] = true
	}
	for _, shown := range []*form.Input{blank, in} {
		html, err := shown.HTML()
		if err != nil {
			t.Fatal(err)
		}
		if found := markup.FindString(string(html)); found != "" {
			t.Errorf("the form has %q", found)
		}
		for _, e := range elements(t, html) {
			if !tags[e.tag] {
				t.Errorf("the form has an element %s", e.tag)
			}
			for name := range e.attributes {
				if strings.HasPrefix(name, "on") || name == "style" || name == "src" {
					t.Errorf("the form has an attribute %s", name)
				}
			}
		}
	}
}

// TestSensitive checks that no sensitive value is in a form.
func TestSensitive(t *testing.T) {
	t.Parallel()
	type card struct {
		Number string            `json:"number" sensitive:"true" minLength:"4"`
		Pin    int               `json:"pin" sensitive:"true"`
		Notes  []string          `json:"notes" sensitive:"true"`
		More   map[string]string `json:"more" sensitive:"true"`
		Any    any               `json:"any" sensitive:"true"`
		Inner  *line             `json:"inner" sensitive:"true"`
		Plan   string            `json:"plan" sensitive:"true" enum:"free,pro"`
	}
	f := formOf(t, reflect.TypeFor[card](), "")
	const secret = "s3cr3t"
	filled := f.Fill([]byte(`{"v":{"number":"s3cr3t","pin":1234567,"notes":["s3cr3t"],"more":{"s3cr3t":"s3cr3t"},"any":"s3cr3t","inner":{"product":"s3cr3t","count":1},"plan":"s3cr3t"}}`))
	sent := f.Parse(url.Values{
		"/v/number": {secret}, "/v/pin": {"1234567x"}, "row:/v/notes": {"0"}, "/v/notes/0": {secret}, "row:/v/more": {"0"},
		"key:/v/more/0": {"a"}, "/v/more/0": {secret}, "json:/v/any": {secret}, "set:/v/inner": {"1"}, "/v/inner/product": {secret}, "/v/plan": {secret},
	})
	sent.Arguments()
	for _, in := range []*form.Input{filled, sent} {
		html, err := in.HTML()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(html), secret) || strings.Contains(string(html), "1234567") {
			t.Errorf("the form has a secret:\n%s", html)
		}
		if e := find(t, in, "/v/number"); e.attributes["type"] != "password" {
			t.Errorf("got %v", e)
		}
	}
	if got, want := result(f.Parse(url.Values{
		"/v/number": {secret}, "/v/pin": {"12"}, "json:/v/any": {"1"}, "/v/plan": {"pro"},
	})), `v={"number":"s3cr3t","pin":12,"notes":[],"more":{},"any":1,"plan":"pro"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzParse parses what a browser may send. It checks that Parse does not panic, that the worker
// decodes values without faults, and that the form, sent again, has the same arguments.
func FuzzParse(f *testing.F) {
	typ := reflect.TypeFor[struct {
		Lines []line         `json:"lines"`
		At    time.Time      `json:"at"`
		Named map[string]any `json:"named,omitempty"`
		Opt   *optionals     `json:"opt"`
	}]()
	shown := formOf(f, typ, "")
	for _, seed := range []url.Values{
		submit(f, shown.Blank()), {"add:/v/lines": {"1"}}, {"json:/v": {`{"lines":[],"at":"2026-01-02T03:04:05Z"}`}},
		{"/v/at": {"2026-01-02T03:04"}, "zone:/v/at": {"none"}, "remove:/v/opt": {"1"}},
		{"/v/at": {"2026-01-02T03:04"}, "zone:/v/at": {"+01:00"}, "set:/v/opt": {"1"}, "empty:/v/opt/ptr": {"null"}, "row:/v/named": {"3"}, "key:/v/named/3": {"k"}, "json:/v/named/3": {"1"}},
		{"row:/v/lines": {"0", "1"}, "/v/lines/0/product": {"tea"}, "/v/lines/1/count": {"2"}, "remove:/v/lines/1": {"1"}},
	} {
		f.Add(seed.Encode())
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		in := shown.Parse(values)
		args, faults := in.Arguments()
		again := submit(t, in)
		if faults != nil || in.Edited() {
			return
		}
		v := reflect.New(typ)
		if err := codec.DecodeChecked(codec.JSON, valueOf(t, args, "v"), v.Interface(), false); err != nil {
			t.Fatalf("%s is refused: %v", valueOf(t, args, "v"), err)
		}
		args2, faults := shown.Parse(again).Arguments()
		if faults != nil || !same(t, valueOf(t, args, "v"), valueOf(t, args2, "v")) {
			t.Fatalf("sent again: %v\n got %s\nwant %s", faults, valueOf(t, args2, "v"), valueOf(t, args, "v"))
		}
	})
}
