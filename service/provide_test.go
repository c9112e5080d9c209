package service_test

import (
	"context"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/service"
)

func TestProvide(t *testing.T) {
	work, grid := new(Work), new(Grid)
	var got []any
	app := fx.New(fx.NopLogger,
		fx.Module("work", service.Provide(work)),
		fx.Module("grid", service.Provide(grid)),
		fx.Invoke(func(p service.Provided) { got = p.Services }),
	)
	if err := app.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer app.Stop(context.Background())
	if len(got) != 2 || (got[0] != any(work) && got[1] != any(work)) || (got[0] != any(grid) && got[1] != any(grid)) {
		t.Errorf("got %v, want both services", got)
	}
}
