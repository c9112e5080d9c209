package orders

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Module contains the orders service and its dependencies.
var Module = fx.Module("orders",
	service.Provide(new(Orders)),
	config.Provide("orders", Settings{Database: "orders.db"}),
	fx.Provide(OpenDB, Jobs), // live as long as the process
	di.PerCall(InTx),         // lives as long as a call
	service.Configure[jobs.Config](),
	service.CheckHealth[*sql.DB]("orders"),
)

// Orders keeps orders until their users are deleted.
type Orders struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		CreateOrder rpc.Method `rpc:"create_order" timeout:"10s" doc:"Creates an order."`
		GetOrder    rpc.Method `rpc:"get_order(order_id)"`

		PostOrder web.Route `web:"POST /orders" method:"CreateOrder" timeout:"10s"`
		ShowOrder web.Route `web:"GET /orders/{id}" method:"GetOrder"`

		LatestOrders rpc.Method `rpc:"latest_orders(count=20)"`

		ForgetUser events.Handler `events:"users.user_deleted" inbox:"true" retry:"1s 10s*3 10m 1h*6"`
	}

	Store    Store `inject:""`
	Users    Users
	Dispatch events.Dispatcher `outbox:"database"` // with the commit
}

// Users is a client of the users service.
type Users struct {
	_ rpc.Client `rpc:"users"`

	Get func(ctx context.Context, id int) (User, error) `rpc:"get_user"`
}

// A User contains the fields of a user that orders needs.
type User struct {
	Name string `json:"name"`
}

// An Order is an order of one product.
type Order struct {
	ID       string `json:"id"`
	UserID   int    `json:"user_id"`
	Customer string `json:"customer"`
	Product  string `json:"product"`
	Count    int    `json:"count"`
}

var (
	// ErrNotFound is returned for an order that does not exist.
	ErrNotFound = rpc.NewError("orders.exceptions.NotFound", "order not found")

	// ErrTooMany is returned if the user already has the maximum number of orders.
	ErrTooMany = rpc.NewError("orders.exceptions.TooMany", "too many orders")
)

// most is how many orders a user may have.
const most = 3

// CreateOrderArgs are the arguments of create_order.
type CreateOrderArgs struct {
	ID      string `json:"id" doc:"Chosen by the caller, so that an order is created once."`
	UserID  int    `json:"user_id"`
	Product string `json:"product"`
	Count   int    `json:"count" default:"1"`
}

// CreateOrder creates an order and dispatches order_created. If an earlier run of the same request
// has already created the order, CreateOrder returns it.
func (o *Orders) CreateOrder(ctx context.Context, args CreateOrderArgs) (*Order, error) {
	user, err := o.Users.Get(ctx, args.UserID)
	if err != nil {
		return nil, err
	}
	order := &Order{ID: args.ID, UserID: args.UserID, Customer: user.Name, Product: args.Product, Count: args.Count}
	added, err := o.Store.Add(ctx, order)
	if err != nil {
		return nil, err
	}
	if !added {
		return o.Store.Get(ctx, args.ID)
	}
	// The count includes the new order, which the error rolls back.
	count, err := o.Store.Count(ctx, args.UserID)
	if err == nil && count > most {
		err = fmt.Errorf("%s has %d: %w", user.Name, most, ErrTooMany)
	}
	if err != nil {
		return nil, err
	}
	return order, o.Dispatch(ctx, "order_created", order)
}

// GetOrder returns an order.
func (o *Orders) GetOrder(ctx context.Context, id string) (*Order, error) {
	order, err := o.Store.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		err = web.Status(http.StatusNotFound, err)
	}
	return order, err
}

// LatestOrders returns the latest orders, newest first.
func (o *Orders) LatestOrders(ctx context.Context, count int) ([]Order, error) {
	return o.Store.Latest(ctx, count)
}

// ForgetUser deletes the orders of a deleted user, once for each event. Errors of the database are
// retried. An event without a user's ID is parked, because a further attempt would not find one
// either.
func (o *Orders) ForgetUser(ctx context.Context, user struct{ ID int }) error {
	if user.ID < 1 {
		return service.Park(fmt.Errorf("user_deleted has the id %d: fix it with gomeko dead retry --edit", user.ID))
	}
	return o.Store.Forget(ctx, user.ID)
}
