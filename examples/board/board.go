package board

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"io/fs"
	"net/http"
	"sync"

	"github.com/google/uuid"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Module is the board.
var Module = fx.Module("board", service.Provide(New()))

//go:embed page
var files embed.FS

// New returns a board on which nothing stands yet.
func New() *Board {
	page, _ := fs.Sub(files, "page") // it is there, or this would not build
	return &Board{Page: web.Mount{Handler: http.FileServerFS(page)}, recent: new(recent)}
}

// Board shows orders as they are made.
type Board struct {
	_ service.Name `service:"board"`

	Entrypoints struct {
		OrderCreated events.Handler   `events:"orders.order_created" delivery:"broadcast" reliable:"false"`
		Watch        web.SocketMethod `web:"watch"`
		Buy          web.Route        `web:"POST /buy"`
	}

	Page   web.Mount `web:"GET /"`
	Hub    web.Hub
	Orders Orders

	recent *recent
}

// Orders is a client of the orders service.
type Orders struct {
	_ rpc.Client `rpc:"orders"`

	Create func(context.Context, Purchase) (Order, error) `rpc:"create_order"`
}

// An Order is what the board knows of one.
type Order struct {
	ID       string `json:"id"`
	UserID   int    `json:"user_id"`
	Customer string `json:"customer"`
	Product  string `json:"product"`
	Count    int    `json:"count"`
}

// orders is the channel of those who watch.
const orders = "orders"

// OrderCreated shows an order to all who watch.
func (b *Board) OrderCreated(ctx context.Context, order Order) error {
	b.recent.add(order)
	return b.Hub.Broadcast(ctx, orders, "order_created", order)
}

// Watch has a browser told of orders from now on, and returns the latest, oldest first. One that comes in between is in
// both.
func (b *Board) Watch(_ context.Context, s *web.Socket) ([]Order, error) {
	if err := b.Hub.Subscribe(s.ID, orders); err != nil {
		return nil, err
	}
	return b.recent.all(), nil
}

// errTooMany is the orders service's, known by its name.
var errTooMany = rpc.NewError("orders.exceptions.TooMany", "too many orders")

// A Purchase is what the form has.
type Purchase struct {
	UserID  int    `json:"user_id"`
	Product string `json:"product"`
	Count   int    `json:"count" default:"1"`
	ID      string `json:"id,omitempty"`
}

// Buy orders, and leads a browser without the script back to the page.
func (b *Board) Buy(ctx context.Context, p Purchase) (web.Response, error) {
	p.ID = cmp.Or(p.ID, uuid.NewString())
	_, err := b.Orders.Create(ctx, p)
	if errors.Is(err, errTooMany) {
		err = &web.Error{Status: http.StatusConflict, Type: "TooMany", Message: "That would be more orders than one may have."}
	}
	if err != nil {
		return web.Response{}, err
	}
	return web.Response{Status: http.StatusSeeOther, Header: http.Header{"Location": {"/"}}}, nil
}

// kept is how many orders are shown to who comes later.
const kept = 20

// recent are the latest orders, oldest first.
type recent struct {
	mu sync.Mutex

	orders []Order
}

func (r *recent) add(order Order) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.orders = append(r.orders, order)
	r.orders = r.orders[max(0, len(r.orders)-kept):]
}

func (r *recent) all() []Order {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Order{}, r.orders...)
}
