package form_test

import (
	"reflect"
	"testing"

	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/panel/form"
)

type (
	before struct {
		Name  string `json:"name"`
		Count int    `json:"count" min:"1"`
		Lines []line `json:"lines"`
		Tree  tree   `json:"tree"`
		Old   bool   `json:"old"`
	}
	after struct {
		Name  string `json:"name" enum:"a,b"`
		Count int    `json:"count" min:"1"`
		Lines []struct {
			Product string `json:"product"`
			Count   *int   `json:"count"`
		} `json:"lines"`
		Tree tree  `json:"tree"`
		New  []int `json:"new,omitempty"`
	}
)

// TestDiff compares two versions of a row, also through a form of the first one in a browser.
func TestDiff(t *testing.T) {
	t.Parallel()
	old, latest := formOf(t, reflect.TypeFor[before](), ""), formOf(t, reflect.TypeFor[after](), "")
	want := []string{
		`/v/name has changed: it was required text, and is required one of "a" "b"`,
		"/v/lines/*/product has changed: it was required text, at least 1 character, and is required text",
		"/v/lines/*/count has changed: it was optional whole number, from 1 to 9, and is optional whole number, or null",
		"/v/new is new: optional list of whole number",
		"/v/old is gone: it was required yes or no",
	}
	sent := submit(t, old.Blank())
	for what, changes := range map[string][]form.Change{
		"Diff": form.Diff(old, latest), "Parse": latest.Parse(sent).Changes(),
	} {
		var got []string
		for _, c := range changes {
			got = append(got, c.String())
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	if changes := old.Parse(sent).Changes(); len(changes) > 0 {
		t.Errorf("the same row: got %v", changes)
	}
}

// TestHTML shows the HTML of a small form.
func TestHTML(t *testing.T) {
	t.Parallel()
	f := formOf(t, reflect.TypeFor[[]line](), "")
	in := f.Fill([]byte(`{"v":[{"product":"tea","count":99}]}`))
	html, err := in.HTML()
	if err != nil {
		t.Fatal(err)
	}
	golden.File(t, "testdata/form.html", []byte(html))
}

// TestRows adds and removes rows and groups with the buttons, without a script.
func TestRows(t *testing.T) {
	t.Parallel()
	f := formOf(t, reflect.TypeFor[tree](), "")
	in := f.Blank()
	for _, step := range []struct{ button, field, text, want string }{
		{"add:/v/children", "/v/children/0/name", "a", `{"name":"","children":[{"name":"a","children":[]}]}`},
		{"add:/v/children", "/v/children/1/name", "b", `{"name":"","children":[{"name":"a","children":[]},{"name":"b","children":[]}]}`},
		{"remove:/v/children/0", "/v/name", "t", `{"name":"t","children":[{"name":"b","children":[]}]}`},
		{"add:/v/children/0/next", "/v/children/0/next/name", "n", `{"name":"t","children":[{"name":"b","children":[],"next":{"name":"n","children":[]}}]}`},
		{"add:/v/named", "key:/v/named/0", "k", `{"name":"t","children":[{"name":"b","children":[],"next":{"name":"n","children":[]}}],"named":{"k":{"name":"","children":[]}}}`},
		{"remove:/v/children/0/next", "/v/name", "u", `{"name":"u","children":[{"name":"b","children":[]}],"named":{"k":{"name":"","children":[]}}}`},
		{"remove:/v/named/0", "/v/name", "u", `{"name":"u","children":[{"name":"b","children":[]}]}`},
	} {
		if find(t, in, step.button) == nil {
			t.Fatalf("there is no button %s", step.button)
		}
		values := submit(t, in)
		values.Set(step.button, "1")
		if in = f.Parse(values); !in.Edited() {
			t.Fatalf("%s: not edited", step.button)
		}
		values = submit(t, in)
		values.Set(step.field, step.text)
		in = f.Parse(values)
		if got, want := result(in), "v="+step.want; got != want || in.Edited() {
			t.Errorf("%s:\n got %s\nwant %s", step.button, got, want)
		}
	}
}
