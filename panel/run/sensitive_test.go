package run_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/panel/form"
	"github.com/gomeko/gomeko/panel/run"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

type (
	// A Till takes arguments that are sensitive, or have sensitive members.
	Till struct {
		_ service.Name `service:"till" allow:"control_panel/till"`

		Entrypoints struct {
			Whole  rpc.Method `rpc:"whole(card, list, named, foreign, plain, *rest, **more)" allow:"pay" sensitive:"card,list,named,foreign,plain,rest,more"`
			Part   rpc.Method `rpc:"part(card, list, named, foreign, *rest, **more)" allow:"pay"`
			Inline rpc.Method `rpc:"inline(card)" allow:"pay"`
		}
	}

	// A Card has a sensitive member.
	Card struct {
		Owner  string `json:"owner"`
		Number string `json:"number" sensitive:"true"`
	}

	// A Карта has a name that is escaped in references.
	Карта struct {
		Owner  string `json:"owner"`
		Number string `json:"number" sensitive:"true"`
	}
)

func (*Till) Whole(context.Context, Card, []Card, map[string]*Card, Карта, string, []Card, map[string]Card) error {
	return nil
}

func (*Till) Part(context.Context, Card, []Card, map[string]*Card, Карта, []Card, map[string]Card) error {
	return nil
}

func (*Till) Inline(context.Context, struct {
	Owner  string `json:"owner"`
	Number string `json:"number" sensitive:"true"`
},
) error {
	return nil
}

// TestSensitive shows arguments that are sensitive, or have sensitive members.
func TestSensitive(t *testing.T) {
	t.Parallel()
	c, err := service.New(service.Config{}, new(Till), service.Configure(transport.Config{URI: "amqp://localhost"}))
	if err != nil {
		t.Fatal(err)
	}
	d := contract.Of(c.Host(), codec.JSON)[0]
	const card = `{"owner":"secret-owner","number":"secret-number"}`
	const all = `{"card":` + card + `,"foreign":` + card + `,"list":[` + card + `],"more":{"x":` + card + `},"named":{"a":` + card + `},"rest":[` + card + `]`
	for _, test := range []struct {
		row, arguments string
		shown          string // # is hidden, @ is a card whose number is hidden
	}{
		{"Whole", all + `,"plain":"secret"}`, `{"card":#,"foreign":#,"list":#,"more":#,"named":#,"plain":#,"rest":#}`},
		{"Part", all + `}`, `{"card":@,"foreign":@,"list":[@],"more":{"x":@},"named":{"a":@},"rest":[@]}`},
		{"Part", `{"card":` + strings.ToUpper(card) + `,"list":[{"number":"secret","ownr":"secret"}],"named":7,"foreign":["secret"]}`,
			`{"card":{"NUMBER":#,"OWNER":"SECRET-OWNER"},"foreign":#,"list":[{"number":#,"ownr":#}],"named":#}`},
		{"Inline", `{"card":` + card + `}`, `{"card":#}`},
	} {
		row := d.Rows[slices.IndexFunc(d.Rows, func(r contract.Row) bool { return r.Name == test.row })]
		shown, _, err := run.Show(d, &row, json.RawMessage(test.arguments))
		want := strings.ReplaceAll(strings.ReplaceAll(test.shown, "@", `{"number":#,"owner":"secret-owner"}`), "#", `"********"`)
		if err != nil || string(shown) != want {
			t.Errorf("%s:\n got %s, %v\nwant %s", test.row, shown, err, want)
		}
		f, err := form.New(d, test.row)
		if err != nil {
			t.Fatal(err)
		}
		html, err := f.Fill(shown).HTML()
		if err != nil || strings.Contains(string(html), "secret-number") {
			t.Errorf("%s: the form shows what is sensitive, %v:\n%s", test.row, err, html)
		}
	}

	row := d.Rows[slices.IndexFunc(d.Rows, func(r contract.Row) bool { return r.Name == "Part" })]
	broken := *d
	broken.Definitions = nil
	shown, _, err := run.Show(&broken, &row, json.RawMessage(all+`}`))
	if err != nil || strings.Contains(string(shown), "secret") {
		t.Errorf("without definitions: got %s, %v", shown, err)
	}
}
