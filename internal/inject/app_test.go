package inject_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/internal/inject"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bind binds one field of a target to a copy of its struct.
func bind(t *inject.Target, plan *inject.Plan, index int) error {
	return t.Bind(plan, reflect.New(reflect.TypeOf(t.Ptr).Elem()).Elem(), []int{index})
}

func fieldName(t *inject.Target, index int) string {
	typ := reflect.TypeOf(t.Ptr).Elem()
	return typ.Name() + "." + typ.Field(index).Name
}

// Several applications can share an option concurrently.
func TestModuleIsSharedByApplications(t *testing.T) {
	t.Parallel()
	proto := new(Users)
	module := fx.Module("users", inject.Fill(proto))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			db := &DB{}
			app := inject.New(nil, module, fx.Supply(db))
			var plan inject.Plan
			got := reflect.New(reflect.TypeFor[Users]()).Elem()
			if err := app.Targets[0].Bind(&plan, got, []int{0}); err != nil || got.Interface().(Users).DB != db {
				t.Errorf("got %v, %v, want the application's own value", got, err)
			}
		})
	}
	wg.Wait()
	if proto.DB != nil {
		t.Error("Fill's struct was written to")
	}
}

// A field that is set in the literal keeps its value, and fx is not asked for one. fx.Replace
// replaces a provider.
func TestLiteralsAndReplacements(t *testing.T) {
	t.Parallel()
	mine, theirs := &DB{Path: "mine"}, &DB{Path: "theirs"}
	opened := false
	open := fx.Provide(func() *DB { opened = true; return &DB{Path: "opened"} })
	fake := di.Provider[Store](func(context.Context) (Store, di.Done, error) { return &SQL{theirs}, nil, nil })

	app := inject.New(nil, inject.Fill(&Users{DB: mine}), open)
	if err := errors.Join(app.Err(), bind(app.Targets[0], &inject.Plan{}, 0)); err != nil || opened {
		t.Errorf("got %v, opened %v, want the literal's own value kept", err, opened)
	}

	app = inject.New(nil, fx.Module("orders", inject.Fill(&Orders{Backup: mine}), open, di.PerCall(inTx)), fx.Replace(fake))
	var plan inject.Plan
	got := reflect.New(reflect.TypeFor[Orders]()).Elem()
	if err := app.Targets[0].Bind(&plan, got, []int{0}); err != nil {
		t.Fatal(err)
	}
	if err := plan.Run(t.Context(), got, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got.Interface().(Orders).Store.(*SQL).DB != theirs {
		t.Error("got the provider that was replaced, want what it was replaced by")
	}
}

// A provided value may be zero.
func TestZeroIsProvided(t *testing.T) {
	t.Parallel()
	type limited struct {
		Max int `inject:"max"`
	}
	app := inject.New(nil, inject.Fill(new(limited)), fx.Supply(fx.Annotated{Name: "max", Target: 0}))
	if err := bind(app.Targets[0], &inject.Plan{}, 0); err != nil {
		t.Error(err)
	}
}

// pool returns a constructor with these hooks.
func pool(start, stop func(context.Context) error) func(fx.Lifecycle) *DB {
	return func(lc fx.Lifecycle) *DB {
		lc.Append(fx.Hook{OnStart: start, OnStop: stop})
		return &DB{}
	}
}

func TestHooks(t *testing.T) {
	t.Parallel()
	var did []string
	say := func(what string, err error) func(context.Context) error {
		return func(context.Context) error { did = append(did, what); return err }
	}
	var release chan struct{}
	hangs := func(context.Context) error { <-release; return nil }
	conf := func(stop error) fx.Option {
		return fx.Options(inject.Fill(new(Users)), fx.Invoke(func(lc fx.Lifecycle) {
			lc.Append(fx.Hook{OnStart: say("start", nil), OnStop: say("stop", stop)})
		}))
	}
	for _, tc := range []struct {
		name  string
		pool  func(fx.Lifecycle) *DB
		stop  error
		err   string
		steps []string
	}{
		{"in order", pool(say("pool start", nil), say("pool stop", nil)), nil, "", []string{"pool start", "start", "stop", "pool stop"}},
		{"start fails", pool(say("pool start", errLocked), say("pool stop", nil)), nil,
			"start hook of inject_test.TestHooks.pool: the file is locked", []string{"pool start"}},
		{"stops fail", pool(nil, say("pool stop", errLocked)), errLost,
			"stop hook of inject_test.TestHooks: the connection is lost\nstop hook of inject_test.TestHooks.pool: the file is locked",
			[]string{"start", "stop", "pool stop"}},
		{"start hangs", pool(hangs, nil), nil,
			"the start hook of inject_test.TestHooks.pool did not return: context deadline exceeded", nil},
		{"stop hangs", pool(nil, hangs), nil,
			"the stop hook of inject_test.TestHooks.pool did not return: context deadline exceeded", []string{"start", "stop"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				did, release = nil, make(chan struct{})
				app := inject.New(nil, fx.Provide(tc.pool), conf(tc.stop))
				if err := app.Err(); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err := app.Start(ctx)
				if err == nil {
					err = app.Stop(ctx)
				}
				close(release)
				synctest.Wait()
				if (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
					t.Errorf("got %v, want %s", err, tc.err)
				}
				if !slices.Equal(did, tc.steps) {
					t.Errorf("got %v, want %v", did, tc.steps)
				}
			})
		})
	}
}

// If the context of a start ends, the hooks that have started are stopped.
func TestStartTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var did []string
		app := inject.New(nil, fx.Invoke(func(lc fx.Lifecycle) {
			lc.Append(fx.Hook{OnStart: func(context.Context) error { did = append(did, "open"); return nil }, OnStop: func(ctx context.Context) error {
				did = append(did, "close")
				return ctx.Err()
			}})
		}), fx.Invoke(func(lc fx.Lifecycle) {
			lc.Append(fx.StartHook(func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			}))
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := app.Start(ctx)
		if want := "start hook of inject_test.TestStartTimesOut: context deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if want := []string{"open", "close"}; !slices.Equal(did, want) {
			t.Errorf("got %v, want %v", did, want)
		}
	})
}
