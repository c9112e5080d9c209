package service_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/service"
)

// Alarm is an entrypoint that describes its rows.
type Alarm struct{ Trigger }

func (Alarm) Describe(r *service.Row) service.Description {
	params := r.Parameters()
	for i := range params {
		params[i].In = "query"
	}
	return service.Description{Details: map[string]any{"trigger": r.Tag.Get("trigger")}, Params: params}
}

// Siren is a dependency that describes its fields.
type Siren struct{}

func (Siren) Dependency(f *service.Field) (any, error) { return Siren{}, f.Tag.Keys("siren") }

func (Siren) Describe(f *service.Field) service.Description {
	return service.Description{Details: map[string]any{"siren": f.Tag.Get("siren")}}
}

var errAsleep = errors.New("asleep")

// Watch is a service that is described.
type Watch struct {
	_ service.Name `service:"watch"`

	Entrypoints struct {
		Ring  Alarm   `trigger:"ring(pin=1234)" sensitive:"pin" doc:"Wakes everybody."`
		Visit Trigger `trigger:"visit"`
	}

	Siren Siren `siren:"loud" doc:"On the roof."`
	Gift  Gift  `gift:""`
}

type caller struct {
	Name string `json:"name" doc:"Who visits."`
	Code string `json:"code" default:"'swordfish'" sensitive:"true"`
}

func (*Watch) Ring(context.Context, int) error     { return nil }
func (*Watch) Visit(context.Context, caller) error { return nil }

func (*Watch) Docs() service.Docs {
	return service.Docs{
		Text:   "Watch watches.",
		Rows:   map[string]service.RowDocs{"Ring": {Text: "At night, too.", Errors: []error{errAsleep}}},
		Events: map[string]any{"rung": caller{}},
	}
}

// Rows and fields describe themselves: from tags, from Docs, and from their extensions. The default
// of a sensitive parameter is redacted.
func TestDescription(t *testing.T) {
	t.Parallel()
	c, err := service.New(service.Config{}, new(Watch))
	if err != nil {
		t.Fatal(err)
	}
	rows, fields := c.Rows(), c.Host().Fields()
	ring, about := rows[0], rows[0].Describe()
	if d := ring.Docs(); ring.Doc() != "Wakes everybody." || d.Text != "At night, too." || len(d.Errors) != 1 {
		t.Errorf("got %q and %v", ring.Doc(), d)
	}
	if got, want := fmt.Sprint(about.Details), "map[trigger:ring(pin=1234)]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if p := about.Params[0]; p.In != "query" || !p.Sensitive || p.Default != service.Redacted || p.Type != reflect.TypeFor[int]() {
		t.Errorf("got %+v", p)
	}
	visited := rows[1].Describe().Params
	if visited[0].Doc != "Who visits." || visited[0].Sensitive || visited[1].Default != service.Redacted {
		t.Errorf("got %+v", visited)
	}
	if sig := rows[1].Signature(); sig.Name != "visit" || sig.Params[1].Default != "swordfish" {
		t.Errorf("got %s", sig)
	}
	if len(fields) != 2 || fields[0].Doc() != "On the roof." || fields[0].Describe().Details["siren"] != "loud" ||
		fields[0].Extension() != reflect.TypeFor[Siren]() || fields[1].Describe().Details != nil {
		t.Errorf("got %+v", fields)
	}
	if d := c.Host().Docs("watch"); d.Text != "Watch watches." || d.Events["rung"] != (caller{}) || c.Host().Docs("other").Text != "" {
		t.Errorf("got %+v", d)
	}
}

type (
	// Misdocumented is a service whose texts do not match its rows.
	Misdocumented struct {
		_ service.Name `service:"misdocumented"`

		Entrypoints struct {
			Ring Trigger `trigger:"ring"`
		}
	}

	// Undocumented is a service without rows whose method Docs panics.
	Undocumented struct {
		_ service.Name `service:"undocumented"`

		text *string
	}
)

func (*Misdocumented) Ring(context.Context) error { return nil }

func (*Misdocumented) Docs() service.Docs {
	return service.Docs{Rows: map[string]service.RowDocs{"Rnig": {}, "Ring": {Errors: []error{nil}}, "Other": {}}}
}

func (u *Undocumented) Docs() service.Docs { return service.Docs{Text: *u.text} }

func TestDocsMistakes(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{}, new(Misdocumented), new(Undocumented))
	want := []string{
		`service misdocumented: Docs: no such row "Other": the rows are Ring`,
		`service misdocumented: Docs: an error of Ring is nil: remove it`,
		`service misdocumented: Docs: no such row "Rnig": did you mean Ring?`,
		`service undocumented: Docs: panics with runtime error: invalid memory address or nil pointer dereference: ` +
			`it must return the texts without using the service's fields`,
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("got\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
}
