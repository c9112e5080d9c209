package service_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/service"
)

// Idler has a value that only some of its calls use.
type Idler struct {
	_ service.Name `service:"idler"`

	Entrypoints struct {
		Use   Trigger `trigger:"use(times)"`
		Leave Trigger `trigger:"leave"`
	}

	Goods di.Lazy[*Goods] `inject:""`
	Spare di.Lazy[*Goods] `inject:"spare"`
	left  chan di.Lazy[*Goods]
}

func (i *Idler) Use(ctx context.Context, times int) (string, error) {
	var names []string
	for range times {
		g, err := i.Goods(ctx)
		if err != nil {
			return "", err
		}
		names = append(names, g.name)
	}
	return strings.Join(names, " "), nil
}

func (i *Idler) Leave(context.Context) error {
	i.left <- i.Goods
	return nil
}

// A lazy value is made once, when a call first uses it, and its Done is called only if it was made.
func TestLazy(t *testing.T) {
	t.Parallel()
	var did []string
	fail := false
	goods := func(name string) any {
		return func() di.Provider[*Goods] {
			return func(ctx context.Context) (*Goods, di.Done, error) {
				did = append(did, "make "+name+" "+service.FromContext(ctx).Method)
				if fail {
					return nil, nil, errors.New("sold out")
				}
				return &Goods{name}, func(err error) error { did = append(did, fmt.Sprint("done ", err)); return err }, nil
			}
		}
	}
	left := make(chan di.Lazy[*Goods], 1)
	_, all := start(t, service.Config{}, fx.Module("idler", service.Provide(&Idler{left: left}),
		di.PerCall(goods("tea")), di.PerCall(fx.Annotated{Name: "spare", Target: goods("salt")})))
	check := func(row string, result any, wantErr string, want ...string) {
		t.Helper()
		did = nil
		var args []any
		if n, ok := strings.CutPrefix(row, "idler.use "); ok {
			row, args = "idler.use", []any{len(n)}
		}
		got, err := all.fire(t.Context(), row, args...)
		if fmt.Sprint(got) != fmt.Sprint(result) || fmt.Sprint(err) != wantErr || strings.Join(did, ", ") != strings.Join(want, ", ") {
			t.Errorf("%s: got %v, %v, %q, want %v, %s, %q", row, got, err, did, result, wantErr, want)
		}
	}
	check("idler.use ", "", "<nil>")
	check("idler.use xxx", "tea tea tea", "<nil>", "make tea use", "done <nil>")
	check("idler.leave", nil, "<nil>")
	if _, err := (<-left)(t.Context()); err == nil || len(did) > 0 {
		t.Errorf("got %v and %q after the call, want an error", err, did)
	}
	fail = true
	check("idler.use xx", nil, "sold out", "make tea use")
}

func TestLazyWithoutProvider(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{}, new(Idler))
	const want = "service idler: Goods: nothing provides di.Lazy[*service_test.Goods] per call; add di.PerCall(func(…) di.Provider[*service_test.Goods]) to the module"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
