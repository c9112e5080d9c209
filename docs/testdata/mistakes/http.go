package mistakes

import (
	"context"
	"net/http"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		ShowOrder web.Route `web:"GET /orders/{id}"`
	}
}

func (*Shop) ShowOrder(context.Context) (string, error) { return "", nil }

type Catalog struct {
	_ service.Name `service:"catalog"`

	Entrypoints struct {
		ByID   web.Route `web:"GET /products/{id}"`
		ByName web.Route `web:"GET /products/{name}"`
	}
}

func (*Catalog) ByID(_ context.Context, id int) (string, error)        { return "", nil }
func (*Catalog) ByName(_ context.Context, name string) (string, error) { return "", nil }

type Cart struct {
	_ service.Name `service:"cart"`

	Entrypoints struct {
		PutItem web.Route `web:"PUT /carts/{cart}/items"`
	}
}

type Item struct {
	Cart    int    `path:"id"`
	Product string `json:"product"`
}

func (*Cart) PutItem(_ context.Context, item Item) error { return nil }

type Gallery struct {
	_ service.Name `service:"gallery"`

	Entrypoints struct {
		Show web.Route `web:"get /pictures"`
	}
}

func (*Gallery) Show(context.Context) (string, error) { return "", nil }

type Payments struct {
	_ service.Name `service:"payments"`

	Entrypoints struct {
		Show   web.Route `web:"GET /payments/<int:id>"`
		Refund web.Route `web:"POST /payments/:id/refund"`
	}
}

func (*Payments) Show(_ context.Context, id int) (string, error) { return "", nil }
func (*Payments) Refund(_ context.Context, id int) error         { return nil }

type Ticker struct {
	_ service.Name `service:"ticker"`

	Entrypoints struct {
		Watch web.SocketMethod `web:"watch(stock)"`
	}
}

func (*Ticker) Watch(_ context.Context, stock string, s *web.Socket) error { return nil }

type News struct {
	_ service.Name `service:"news"`

	Entrypoints struct {
		Listen  web.Feed `web:"GET /news/{town}"`
		Publish web.Feed `web:"POST /news/{town}"`
	}
}

func (*News) Listen(_ context.Context, town string) (string, error)    { return "news." + town, nil }
func (*News) Publish(_ context.Context, town string) ([]string, error) { return nil, nil }

type Barriers struct {
	_ service.Name `service:"barriers"`

	Entrypoints struct {
		Raise web.Route `web:"POST /raise" allow:"staff"`
	}
}

func (*Barriers) Raise(_ context.Context) error { return nil }

type Portal struct {
	_ service.Name `service:"portal"`

	Entrypoints struct {
		Site web.Backend `web:"por*tal"`
	}

	Legacy web.Front `web:"/legacy/"`
	Orders web.Front `web:"/orders/" to:"orders" timeout:"soon"`
}

func (*Portal) Site(http.ResponseWriter, *http.Request) {}
