package form_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/panel/form"
	"github.com/gomeko/gomeko/service"
)

// formOf returns the form of a row with one parameter v, which has the type and the tag of a field.
func formOf(t testing.TB, typ reflect.Type, tag reflect.StructTag) *form.Form {
	t.Helper()
	schemas := codec.NewSchemas(codec.JSON)
	schema := schemas.OfField(typ, tag, codec.Use{})
	return newForm(t, &contract.Document{
		Service: "shop", Definitions: schemas.Definitions(),
		Rows: []contract.Row{{Name: "Row", Parameters: []contract.Parameter{{Name: "v", Kind: "positional", Required: true, Schema: schema}}}},
	})
}

// newForm returns the form of the row Row in a document that was sent as JSON.
func newForm(t testing.TB, d *contract.Document) *form.Form {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	sent := new(contract.Document)
	if err := codec.JSON.Decode(data, sent); err != nil {
		t.Fatal(err)
	}
	f, err := form.New(sent, "Row")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// result formats arguments or faults.
func result(in *form.Input) string {
	args, faults := in.Arguments()
	if faults != nil {
		return (&service.ValidationError{Faults: faults}).Error()
	}
	members, err := codec.JSON.Map(args)
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, m := range members {
		all = append(all, m.Name+"="+string(m.Value))
	}
	return strings.Join(all, " ")
}

// valueOf returns an argument.
func valueOf(t testing.TB, arguments []byte, name string) []byte {
	t.Helper()
	members, err := codec.JSON.Map(arguments)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

type (
	line struct {
		Product string `json:"product" minLength:"1"`
		Count   int    `json:"count" default:"1" min:"1" max:"9"`
	}
	optionals struct {
		Text   string         `json:"text,omitempty"`
		Ptr    *string        `json:"ptr"`
		Number *int           `json:"number"`
		Flag   *bool          `json:"flag"`
		Unit   string         `json:"unit" default:"'piece'"`
		On     bool           `json:"on" default:"True"`
		Tags   []string       `json:"tags,omitempty"`
		Line   *line          `json:"line"`
		Counts map[string]int `json:"counts,omitempty"`
		Any    any            `json:"any,omitempty"`
	}
	tree struct {
		Name     string          `json:"name"`
		Children []tree          `json:"children"`
		Next     *tree           `json:"next"`
		Named    map[string]tree `json:"named,omitempty"`
	}
)

// TestFields lists types with their fields, and the arguments that a browser's values become.
func TestFields(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typ   reflect.Type
		tag   reflect.StructTag
		name  string // of the input
		input string // its tag and type, and its other attributes
		sent  map[string]string
	}{
		{reflect.TypeFor[bool](), "", "/v", "input checkbox", map[string]string{
			"/v=true": "v=true", "": "v=false", "/v=maybe": "/v must be yes or no",
		}},
		{reflect.TypeFor[*bool](), "", "/v", "select", map[string]string{"/v=true": "v=true", "/v=false": "v=false", "": "v=null", "/v=": "v=null"}},
		{reflect.TypeFor[string](), `enum:"free,pro"`, "/v", "select required", map[string]string{
			"/v=pro": `v="pro"`, "/v=": "/v is required", "/v=Pro": `/v must be one of "free", "pro"`,
		}},
		{reflect.TypeFor[int](), `enum:"1,22"`, "/v", "select required", map[string]string{"/v=22": "v=22", "/v=3": "/v must be one of 1, 22", "": "/v is required"}},
		{reflect.TypeFor[float64](), `enum:"0.5,1"`, "/v", "select required", map[string]string{"/v=0.5": "v=0.5", "/v=x": "/v must be a number"}},
		{reflect.TypeFor[*string](), `enum:"a,b"`, "/v", "select", map[string]string{"/v=a": `v="a"`, "/v=": "v=null"}},
		{reflect.TypeFor[int](), `min:"1" max:"9"`, "/v", "input number max=9 min=1 required step=1", map[string]string{
			"/v=3": "v=3", "/v= +03 ": "v=3", "/v=3.0": "v=3.0", "/v=0": "/v must be at least 1", "/v=10": "/v must be at most 9",
			"/v=3.5": "/v must be a whole number", "/v=x": "/v must be a whole number", "/v=": "/v is required", "": "/v is required",
			"/v=0x3": "/v must be a whole number", "/v=NaN": "/v must be a whole number", "/v=--3": "/v must be a whole number", "/v=1,5": "/v must be a whole number",
		}},
		{reflect.TypeFor[uint64](), "", "/v", "input number min=0 required step=1", map[string]string{
			"/v=18446744073709551615": "v=18446744073709551615", "/v=18446744073709551616": "/v must be at most 18446744073709551615", "/v=-1": "/v must be at least 0",
		}},
		{reflect.TypeFor[int8](), "", "/v", "input number max=127 min=-128 required step=1", map[string]string{"/v=-128": "v=-128", "/v=-0": "v=-0"}},
		{reflect.TypeFor[float32](), "", "/v", "input number required step=any", map[string]string{
			"/v=.5": "v=0.5", "/v=1e3": "v=1e3", "/v=1e99": "/v must be at most 3.4028235e38", "/v=Infinity": "/v must be a number",
		}},
		{reflect.TypeFor[string](), "", "/v", "input text", map[string]string{"/v=a%0D%0Ab": `v="a\nb"`, "/v=": `v=""`, "": `v=""`, "/v=%20a": `v=" a"`}},
		{reflect.TypeFor[string](), `minLength:"2" maxLength:"3" pattern:"^[a-z]*$"`, "/v", "input text maxlength=6 minlength=2 pattern=.*(?:^[a-z]*$).* required", map[string]string{
			"/v=a": "/v must have at least 2 characters", "/v=abcd": "/v must have at most 3 characters", "/v=Ab": "/v must match ^[a-z]*$", "/v=": "/v is required",
		}},
		{reflect.TypeFor[string](), `maxLength:"5000"`, "/v", "textarea maxlength=10000", map[string]string{"/v=a": `v="a"`}},
		{reflect.TypeFor[string](), `format:"email"`, "/v", "input email required", map[string]string{"/v=a@example.org": `v="a@example.org"`, "/v=a": "/v must be an email address"}},
		{reflect.TypeFor[string](), `format:"uri"`, "/v", "input url required", map[string]string{"/v=a": "/v must be a URI with a scheme, such as https://example.org/"}},
		{reflect.TypeFor[string](), `format:"uuid"`, "/v", "input text pattern=[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12} placeholder=00000000-0000-0000-0000-000000000000 required", map[string]string{"/v=a": "/v must be a UUID"}},
		{reflect.TypeFor[uuid.UUID](), "", "/v", "input text pattern=[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12} placeholder=00000000-0000-0000-0000-000000000000 required", map[string]string{"/v=a": "/v must be a UUID"}},
		{reflect.TypeFor[string](), `format:"decimal" max:"10.50"`, "/v", "input text inputmode=decimal required", map[string]string{
			"/v=1.20": `v="1.20"`, "/v=10.51": "/v must be at most 10.50", "/v=x": "/v must be at most 10.50; /v must be a decimal number, such as 12.340",
		}},
		{reflect.TypeFor[codec.Decimal](), `min:"0"`, "/v", "input text inputmode=decimal required", map[string]string{"/v=1.20": `v="1.20"`, "/v=-1": "/v must be at least 0", "/v=x": "/v must be a decimal number, such as 12.340"}},
		{reflect.TypeFor[time.Time](), "", "/v", "input datetime-local required step=1", map[string]string{
			"/v=2026-01-02T03:04&zone:/v=Z":             `v="2026-01-02T03:04:00Z"`,
			"/v=2026-01-02T03:04:05.5&zone:/v=%2B05:30": `v="2026-01-02T03:04:05.5+05:30"`,
			"/v=2026-01-02T03:04&zone:/v=none":          `v="2026-01-02T03:04:00"`,
			"/v=2026-01-02T03:04:05-03:00":              `v="2026-01-02T03:04:05-03:00"`,
			"/v=2026-02-30T03:04&zone:/v=Z":             "/v must be a date and a time, such as 2024-01-02T03:04:05Z",
			"/v=2026-01-02T03:04&zone:/v=CET":           "/v its offset from UTC must be such as +02:00, or Z",
			"zone:/v=Z":                                 "/v is required",
		}},
		{reflect.TypeFor[string](), `format:"date-time"`, "/v", "input datetime-local required step=1", map[string]string{
			"/v=2026-01-02T03:04&zone:/v=Z":    `v="2026-01-02T03:04:00Z"`,
			"/v=2026-01-02T03:04&zone:/v=none": "/v must be a date and time of RFC 3339, such as 2024-01-02T03:04:05Z",
		}},
		{reflect.TypeFor[codec.Date](), "", "/v", "input date required", map[string]string{"/v=2026-01-02": `v="2026-01-02"`, "/v=2026-13-02": "/v must be a date, such as 2024-01-02"}},
		{reflect.TypeFor[codec.TimeOfDay](), "", "/v", "input time required step=1", map[string]string{"/v=03:04": `v="03:04:00"`, "/v=25:00": "/v must be a time of day, such as 03:04:05"}},
		{reflect.TypeFor[[]byte](), "", "/v", "input text", map[string]string{"/v=AP8=": `v="AP8="`, "/v=%3F": "/v must be base64", "": `v=""`}},
		{reflect.TypeFor[any](), "", "json:/v", "textarea required", map[string]string{
			"json:/v=[1, \"a\"]": `v=[1,"a"]`, "json:/v=null": "v=null", "json:/v=": "/v is required",
			"json:/v=x": `/v must be JSON, such as 12, true, "a text in quotes", ["a", "list"] or {"an": "object"}`,
		}},
		{reflect.TypeFor[[]int](), `max:"5"`, "add:/v", "button submit", map[string]string{
			"row:/v=0&row:/v=7&/v/0=1&/v/7=2": "v=[1,2]", "": "v=[]", "row:/v=3&/v/3=6": "/v/0 must be at most 5", "row:/v=0": "/v/0 is required",
			"row:/v=x": "/v has a row that the form does not have", "row:/v=0&/v/0=1&row:/v=0": "/v has a row that the form does not have", "/v/0=1": `has no field "/v/0"`,
		}},
		{reflect.TypeFor[[2]bool](), "", "add:/v", "button submit", map[string]string{"row:/v=0&row:/v=1&row:/v=2": "/v has more than 2 rows"}},
		{reflect.TypeFor[map[string]int](), "", "add:/v", "button submit", map[string]string{
			"row:/v=0&row:/v=1&key:/v/0=a&/v/0=1&key:/v/1=b/c&/v/1=2": `v={"a":1,"b/c":2}`, "": "v={}",
			"row:/v=0&key:/v/0=a": "/v/a is required", "row:/v=0&row:/v=1&key:/v/0=a&key:/v/1=a&/v/0=1&/v/1=2": "/v/a its name is there twice",
		}},
		{reflect.TypeFor[map[int8]int](), "", "add:/v", "button submit", map[string]string{"row:/v=0&key:/v/0=5&/v/0=1": `v={"5":1}`}},
		{reflect.TypeFor[line](), "", "/v/product", "input text minlength=1 required", map[string]string{
			"/v/product=a&/v/count=2": `v={"product":"a","count":2}`, "/v/product=a": `v={"product":"a"}`, "": "/v/product is required", "/v/product=a&/v/count=0": "/v/count must be at least 1",
		}},
		{reflect.TypeFor[*line](), "", "add:/v", "button submit", map[string]string{
			"": "v=null", "set:/v=1&/v/product=a": `v={"product":"a"}`, "set:/v=1": "/v/product is required", "/v/product=a": `has no field "/v/product"`,
		}},
		{reflect.TypeFor[optionals](), "", "empty:/v/ptr", "select", map[string]string{
			"": `v={"unit":"","on":false}`, "empty:/v/ptr=null&empty:/v/text=text&empty:/v/number=null&empty:/v/tags=list&empty:/v/counts=list": `v={"text":"","ptr":null,"number":null,"unit":"","on":false,"tags":[],"counts":{}}`,
			"empty:/v/ptr=null&/v/ptr=x&/v/on=true&/v/unit=y&json:/v/any=1": `v={"ptr":"x","unit":"y","on":true,"any":1}`,
		}},
	} {
		f := formOf(t, test.typ, test.tag)
		what := fmt.Sprintf("%s %s", test.typ, test.tag)
		e := find(t, f.Blank(), test.name)
		if e == nil {
			t.Errorf("%s: has no input %s", what, test.name)
			continue
		}
		var attributes []string
		for name, value := range e.attributes {
			switch name {
			case "name", "id", "value", "type", "aria-describedby", "rows", "class", "spellcheck", "data-add", "formnovalidate":
			case "required":
				attributes = append(attributes, name)
			default:
				attributes = append(attributes, name+"="+value)
			}
		}
		slices.Sort(attributes)
		got := strings.Join(strings.Fields(e.tag+" "+e.attributes["type"]+" "+strings.Join(attributes, " ")), " ")
		if got != test.input {
			t.Errorf("%s: got %s, want %s", what, got, test.input)
		}
		for sent, want := range test.sent {
			values, err := url.ParseQuery(strings.ReplaceAll(sent, " ", "%20"))
			if err != nil {
				t.Fatal(sent, err)
			}
			if strings.Contains(sent, "+") && !strings.Contains(sent, "%2B") {
				values.Set("/v", " +03 ")
			}
			if got := result(f.Parse(values)); got != want {
				t.Errorf("%s: %s\n got %s\nwant %s", what, sent, got, want)
			}
		}
	}
}
