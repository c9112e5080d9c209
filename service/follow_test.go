package service_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/service"
)

// Chronicle is a service whose row has a follower.
type Chronicle struct {
	_ service.Name `service:"chronicle"`

	Entrypoints struct {
		Book followed `followed:"book" then:"Booked"`
	}

	Told *[]string
}

func (c *Chronicle) Book(context.Context) error { return nil }

func (c *Chronicle) Booked(ctx context.Context, what string) error {
	*c.Told = append(*c.Told, service.FromContext(ctx).Method+" "+what)
	return nil
}

// followed is the type of rows with a follower, whose method is in the key then.
type followed struct{}

func (followed) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	if _, err := r.Bind(r.Tag.Get("followed")); err != nil {
		return nil, err
	}
	then := r.Tag.Get("then")
	f, err := r.Follow(then, then, reflect.TypeFor[string]())
	if all, ok := service.Lookup[triggers](r.Host); ok {
		all["chronicle.follower"] = f
	}
	return &nop{}, err
}

func TestFollow(t *testing.T) {
	t.Parallel()
	var told, wrapped []string
	middleware := func(next service.Runner) service.Runner {
		return func(ctx context.Context) (any, error) {
			wrapped = append(wrapped, service.FromContext(ctx).Method)
			return next(ctx)
		}
	}
	c, all := start(t, service.Config{Middleware: []service.Middleware{middleware}}, &Chronicle{Told: &told})
	if _, err := all["chronicle.follower"].Run(t.Context(), service.Request{Leading: []any{"paper"}}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"Booked paper"}; !slices.Equal(told, want) || !slices.Equal(wrapped, []string{"Booked"}) {
		t.Errorf("told %q, wrapped %q", told, wrapped)
	}
	if rows := c.Rows(); len(rows) != 1 {
		t.Errorf("%d rows, want the one of the table", len(rows))
	}
}

// Misspelt is a service whose follower does not exist.
type Misspelt struct {
	_ service.Name `service:"misspelt"`

	Entrypoints struct {
		Book followed `followed:"book" then:"Boked"`
	}
}

func (*Misspelt) Book(context.Context) error           { return nil }
func (*Misspelt) Booked(context.Context, string) error { return nil }

func TestFollowMistake(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{}, &Misspelt{})
	if err == nil || !strings.Contains(err.Error(), "no such method Boked (there is Booked)") {
		t.Errorf("error %v", err)
	}
}
