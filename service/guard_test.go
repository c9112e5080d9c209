package service_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/service"
)

// Checked is an entrypoint whose requests have grants.
type Checked struct{}

func (Checked) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	r.UseGrants()
	_, err := r.Bind(r.Tag.Get("checked"))
	return &nop{}, errors.Join(err, r.Tag.Keys("checked"))
}

type Rooms struct {
	_ service.Name `service:"rooms" allow:"house"`

	Entrypoints struct {
		Enter Checked `checked:"enter()" allow:"rooms" max_workers:"1"`
		Look  Checked `checked:"look()" method:"Enter"`
	}
}

func (*Rooms) Enter(ctx context.Context) (string, error) {
	visitor, _ := ctx.Value(label("visitor")).(string)
	return visitor, nil
}

// TestGuard has a guard that admits calls, refuses them and fails.
func TestGuard(t *testing.T) {
	t.Parallel()
	refused := errors.New("you are not ann")
	guard := service.Guard(func(ctx context.Context, r *service.Row, req *service.Request) (context.Context, error) {
		if r.Permission() != "house/rooms" {
			t.Errorf("asked about %s, which needs %q", r.Name, r.Permission())
		}
		switch req.Grant {
		case "ann":
			return context.WithValue(ctx, label("visitor"), req.Grant), nil
		case "nil":
			return nil, nil
		case "panic":
			panic("no guard here")
		}
		return nil, refused
	})
	w := new(witness)
	c, err := service.New(service.Config{}, new(Rooms), service.Configure(guard), service.Configure(w.observer()))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer c.Kill()
	w.take()
	enter, look := c.Rows()[0], c.Rows()[1]
	for _, test := range []struct {
		row               *service.Row
		grant, want, told string
	}{
		{enter, "ann", "ann", "began enter, started after"},
		{enter, "bob", "you are not ann", "began enter, ended without a worker rejected"},
		{enter, "nil", "the guard returned no context", "began enter, ended without a worker rejected"},
		{enter, "panic", "panic: no guard here", "began enter, ended without a worker rejected"},
		{look, "bob", "", "began look, started after"},
	} {
		v, err := test.row.Run(t.Context(), service.Request{Grant: test.grant})
		got, _ := v.(string)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", test.grant, got, test.want)
		}
		if told := w.take(); !strings.HasPrefix(told, test.told) || strings.Contains(told, "another context") {
			t.Errorf("%s: told %s, want %s", test.grant, told, test.told)
		}
		if test.grant == "bob" && err != nil && (!errors.Is(err, refused) || service.VerdictOf(err).Action != service.Parked) {
			t.Errorf("got %v, which is %v", err, service.VerdictOf(err))
		}
	}
}

// TestMistakesOfGuards has guards that do not work.
func TestMistakesOfGuards(t *testing.T) {
	t.Parallel()
	guard := service.Guard(func(ctx context.Context, _ *service.Row, _ *service.Request) (context.Context, error) {
		return ctx, nil
	})
	for want, guards := range map[string][]service.Guard{
		"service.Configure: the guard is nil: remove it":                 {nil},
		"service.Configure: service.Guard is configured twice: keep one": {guard, guard},
	} {
		if _, err := service.New(service.Config{}, new(Rooms), service.Configure(guards...)); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
