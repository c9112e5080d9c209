package service_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gomeko/gomeko/service"
)

// Both is a row whose entrypoint is also a shared value.
type Both struct{}

func (Both) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	_, err := r.Bind("do")
	both, shareErr := service.Shared(r.Host, func(c *service.Host) (*actor, error) {
		s, _ := service.Lookup[*script](c)
		return &actor{script: s, name: "both"}, nil
	})
	return both, errors.Join(err, shareErr)
}

type twice struct {
	_ service.Name `service:"twice"`

	Entrypoints struct {
		One Both `method:"Do"`
		Two Both `method:"Do"`
	}
}

func (*twice) Do(context.Context) error { return nil }

func TestOneValueForManyRows(t *testing.T) {
	t.Parallel()
	s := &script{}
	c, err := service.New(service.Config{}, new(twice), service.Configure(s))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Start(t.Context()), c.Stop(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got := s.steps(); got != "both setup, both start, both stop" {
		t.Errorf("got %s, want each once", got)
	}
	if _, err := service.Shared(c.Host(), func(*service.Host) (int, error) { return 1, nil }); err == nil {
		t.Error("got nil from Shared after New, want an error")
	}
}

// closer is shared only for its Stop; it has no Kill.
type closer struct{ script }

func (c *closer) Stop(ctx context.Context) error {
	return c.act(ctx, fmt.Sprint("stop, ctx over: ", ctx.Err() != nil))
}

func TestWhatHasNoStartOrKill(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		end  func(*service.Container)
		want string
	}{
		{func(c *service.Container) { _ = c.Stop(context.Background()) }, "stop, ctx over: false"},
		{(*service.Container).Kill, "stop, ctx over: true"},
	} {
		shared := &closer{}
		c, err := service.New(service.Config{}, new(probed), service.Configure(probe(func(r *service.Row) error {
			_, err := service.Shared(r.Host, func(*service.Host) (*closer, error) { return shared, nil })
			return errors.Join(err, second(r.Bind("any(a)")))
		})))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		tc.end(c)
		if got := shared.steps(); got != tc.want {
			t.Errorf("got %s, want %s", got, tc.want)
		}
	}
}
