package service_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/service"
)

type Sentry struct {
	_ service.Name `service:"sentry"`

	Entrypoints struct {
		Watch Post `post:"north"`
		Relay Post `post:"south" method:"Watch"`
	}
}

func (*Sentry) Watch(ctx context.Context) (string, error) { return service.FromContext(ctx).Row, nil }

// Post is a row that records its start.
type Post struct{}

// posts are the posts that were started, and what they share.
type posts struct{ started []string }

func (Post) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	all, _ := service.Lookup[*posts](r.Host)
	_, shared := service.Shared(r.Host, func(*service.Host) (*quarters, error) { return &quarters{posts: all}, nil })
	_, err := r.Bind("watch")
	return &post{all, r.Name}, errors.Join(r.Tag.Keys("post"), shared, err)
}

type post struct {
	posts *posts
	name  string
}

func (p *post) Start(context.Context) error {
	p.posts.started = append(p.posts.started, p.name)
	return nil
}

func (*post) Stop(context.Context) error { return nil }

type quarters struct{ posts *posts }

func (q *quarters) Start(context.Context) error {
	q.posts.started = append(q.posts.started, "quarters")
	return nil
}

// Rows that Only leaves out are not started, and neither are values that only they share. Run runs
// all rows.
func TestOnly(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		only []string
		want string
	}{
		{nil, "quarters Watch Relay"},
		{[]string{}, ""},
		{[]string{"sentry.Relay"}, "quarters Relay"},
	} {
		all := new(posts)
		c, err := service.New(service.Config{Only: tc.only, Logger: slog.New(slog.DiscardHandler)}, new(Sentry), service.Configure(all))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(all.started, " "); got != tc.want {
			t.Errorf("%q: got %q started, want %q", tc.only, got, tc.want)
		}
		var ran []string
		for _, f := range c.Rows() {
			got, err := f.Run(t.Context(), service.Request{})
			if err != nil {
				t.Error(err)
			}
			ran = append(ran, got.(string))
		}
		if got, want := strings.Join(ran, " "), "Watch Relay"; got != want {
			t.Errorf("%q: got %q run by hand, want %q", tc.only, got, want)
		}
		if err := c.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// Mistakes in Only are reported, and so are those of the rows that it leaves out.
func TestOnlyMistakes(t *testing.T) {
	t.Parallel()
	type Wrong struct {
		_ service.Name `service:"wrong"`

		Entrypoints struct {
			Watch Post `post:"north" timeuot:"1s"`
		}
	}
	for _, tc := range []struct {
		proto any
		only  string
		want  string
	}{
		{new(Sentry), "sentry.Watc", `service.Config: Only[0]: no such row "sentry.Watc": did you mean sentry.Watch?`},
		{new(Sentry), "nobody", `service.Config: Only[0]: no such row "nobody": the rows are sentry.Watch, sentry.Relay`},
		{new(Wrong), "wrong.Relay", "service wrong: Watch: unknown key timeuot in its tag: did you mean timeout?"},
	} {
		_, err := service.New(service.Config{Only: []string{tc.only}}, tc.proto, service.Configure(new(posts)))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
	}
}
