package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/service"
)

func TestSharedFails(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{}, new(probed), service.Configure(probe(func(r *service.Row) error {
		_, err := service.Shared(r.Host, func(*service.Host) (int, error) { return 0, fmt.Errorf("no broker: %w", io.EOF) })
		return err
	})))
	if want := "service probed: Any: no broker: EOF"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Census has rows that are counted.
type Census struct {
	_ service.Name `service:"census"`

	Entrypoints struct {
		One Counted `counted:"one" method:"Count"`
		Two Counted `counted:"two" method:"Count"`
	}
}

func (*Census) Count(context.Context) error { return nil }

// A Counted row is counted by a value that all rows share.
type Counted struct{}

func (Counted) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	c, err := service.Shared(r.Host, func(h *service.Host) (*count, error) {
		return &count{limit: service.LookupAll[limit](h)}, nil
	})
	if err != nil {
		return nil, err
	}
	c.rows = append(c.rows, r.Name)
	_, err = r.Bind("count")
	return &nop{}, err
}

// limit limits the number of rows.
type limit int

func (limit) Option() string { return "counting.Limit" }

// A count of rows is not started.
type count struct {
	limit []limit
	rows  []string
}

// Check is called once, after the rows that Only leaves out were counted too.
func (c *count) Check(complete bool) error {
	if complete && len(c.limit) > 0 && len(c.rows) > int(c.limit[0]) {
		return errors.Join(fmt.Errorf("counting: %d rows are too many", len(c.rows)), errors.New("counting: really"))
	}
	return nil
}

func TestCheck(t *testing.T) {
	t.Parallel()
	only := service.Config{Only: []string{"census.One"}}
	for name, test := range map[string]struct {
		cfg      service.Config
		services []any
		want     string
	}{
		"all":        {services: []any{new(Census), service.Configure(limit(1))}, want: "counting: 2 rows are too many\ncounting: really"},
		"only":       {cfg: only, services: []any{new(Census), service.Configure(limit(1))}, want: "counting: 2 rows are too many\ncounting: really"},
		"few":        {services: []any{new(Census), service.Configure(limit(2))}},
		"incomplete": {services: []any{new(Census), service.Configure(limit(1)), Census{}}, want: "service service_test.Census: must be a pointer"},
		"unread":     {services: []any{new(Sentry), service.Configure(new(posts)), service.Configure(limit(1))}, want: "counting.Limit is not read by any extension of the services: remove it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := service.New(test.cfg, test.services...)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
