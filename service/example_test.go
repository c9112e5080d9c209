package service_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/service"
)

// Button is an entrypoint: pressing it calls the row's method.
type Button struct{}

// Buttons are the buttons of a container by their labels.
type Buttons map[string]func(ctx context.Context, req service.Request)

func (Button) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	buttons, _ := service.Lookup[Buttons](r.Host)
	press := func(ctx context.Context, req service.Request) {
		if _, err := r.Run(ctx, req); err != nil {
			fmt.Println("error:", err)
		}
	}
	_, err := r.Bind(r.Tag.Get("button"))
	return &button{label: r.Tag.Get("button"), press: press, all: buttons}, errors.Join(err, r.Tag.Keys("button"))
}

type button struct {
	label string
	press func(context.Context, service.Request)
	all   Buttons
}

func (b *button) Start(context.Context) error { b.all[b.label] = b.press; return nil }
func (b *button) Stop(context.Context) error  { return nil }

// Lift is a service with two buttons.
type Lift struct {
	_ service.Name `service:"lift"`

	Entrypoints struct {
		Up   Button `button:"up" timeout:"1s"`
		Bell Button `button:"bell"`
	}

	Floor int
}

func (l *Lift) Up(context.Context) error {
	l.Floor++ // of this call's copy
	fmt.Println("going up to floor", l.Floor)
	return nil
}

func (l *Lift) Bell(ctx context.Context) error {
	call := service.FromContext(ctx)
	fmt.Println(call.Service, call.Method, "pressed by", call.Data["user_id"])
	return nil
}

func ExampleContainer() {
	buttons := Buttons{}
	c, err := service.New(service.Config{}, &Lift{Floor: 3}, service.Configure(buttons))
	if err != nil {
		fmt.Println(err) // every mistake of every service
		return
	}
	ctx := context.Background()
	if err := c.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	buttons["up"](ctx, service.Request{})
	buttons["up"](ctx, service.Request{})

	ctx, cancel := context.WithTimeout(ctx, 25*time.Second)
	defer cancel()
	fmt.Println("stopped:", c.Stop(ctx))
	// Output:
	// going up to floor 4
	// going up to floor 4
	// stopped: <nil>
}

func ExampleNew_mistakes() {
	type Door struct {
		_ service.Name `service:"door"`

		Entrypoints struct {
			Open  Button `button:"open"`
			Close Button `buton:"close"`
		}
	}
	_, err := service.New(service.Config{}, new(Door))
	fmt.Println(err)
	// Output:
	// service door: Open: no such method: add func (d *Door) Open(ctx context.Context) (any, error)
	// service door: Close: has no signature: write name or name(a, b=1)
	// service door: Close: unknown key buton in its tag: did you mean button?
}

func ExampleCall() {
	buttons := Buttons{}
	c, _ := service.New(service.Config{}, new(Lift), service.Configure(buttons))
	ctx := context.Background()
	_ = c.Start(ctx)
	defer c.Stop(ctx)

	buttons["bell"](ctx, service.Request{Data: map[string]any{"user_id": 7}})
	// Output: lift bell pressed by 7
}

func ExampleMiddleware() {
	closed := func(next service.Runner) service.Runner {
		return func(ctx context.Context) (any, error) {
			if service.FromContext(ctx).Method == "up" {
				return nil, errors.New("closed for repair")
			}
			return next(ctx)
		}
	}
	buttons := Buttons{}
	c, _ := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, new(Lift),
		service.Configure(buttons), service.Configure(closed))
	ctx := context.Background()
	_ = c.Start(ctx)
	defer c.Stop(ctx)

	buttons["up"](ctx, service.Request{})
	// Output: error: closed for repair
}

func ExampleObserver() {
	watch := service.Observer{
		CallEnded: func(_ context.Context, c service.ObservedCall) {
			fmt.Println("call of", c.Service, c.Method, "ended:", c.Outcome)
		},
	}
	buttons := Buttons{}
	c, _ := service.New(service.Config{}, &Lift{Floor: 3}, service.Configure(buttons), service.Configure(watch))
	ctx := context.Background()
	_ = c.Start(ctx)
	defer c.Stop(ctx)

	buttons["up"](ctx, service.Request{})
	// Output:
	// going up to floor 4
	// call of lift up ended: ok
}

// Tenant is context data that the program defines.
const Tenant service.Key[string] = "tenant"

func ExampleKey() {
	ctx := Tenant.With(context.Background(), "acme")
	ctx = service.UserID.With(ctx, "u-42")

	// Calls and events that are sent with ctx carry both values, and the methods that receive them
	// find the values in their own ctx.
	tenant, ok := Tenant.Get(ctx)
	fmt.Println(tenant, ok)
	_, ok = service.Language.Get(ctx)
	fmt.Println(ok)
	// Output:
	// acme true
	// false
}

// Bell is a service that needs a sound.
type Bell struct {
	_ service.Name `service:"bell"`

	Entrypoints struct {
		Ring Button `button:"ring"`
	}

	Sound Sound `inject:""`
}

type Sound string

func (b *Bell) Ring(context.Context) error {
	fmt.Println(b.Sound)
	return nil
}

func ExampleProvide() {
	module := fx.Module("bell",
		service.Provide(new(Bell)),
		fx.Provide(func() Sound { return "ding" }),
	)
	buttons := Buttons{}
	c, _ := service.New(service.Config{}, module, service.Configure(buttons))
	ctx := context.Background()
	_ = c.Start(ctx)
	defer c.Stop(ctx)
	buttons["ring"](ctx, service.Request{})

	_, err := service.New(service.Config{}, service.Provide(new(Bell)), service.Configure(buttons))
	fmt.Println(err)
	// Output:
	// ding
	// service bell: Sound: nothing provides service_test.Sound; add fx.Provide(func(…) (service_test.Sound, error)) or di.PerCall to the module
}

// Code that waits for another call lends its worker, so another call can run meanwhile.
func ExampleLend() {
	answers := make(chan string, 1)
	ask := func(ctx context.Context, question string) (string, error) {
		answers <- question + " 42"
		defer service.Lend(ctx)()
		select {
		case answer := <-answers:
			return answer, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	fmt.Println(ask(context.Background(), "what is it?")) // outside of a call there is nothing to lend
	// Output: what is it? 42 <nil>
}
