// Package mistakes has the services of docs/mistakes.md: each has one mistake.
package mistakes

import (
	"context"
	"database/sql"
	"iter"
	"sync"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

type Orders struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		GetOrder rpc.Method `rpc:"get_order(order_id)" timeot:"5s"`
	}
}

func (*Orders) GetOrder(_ context.Context, id int) (string, error) { return "", nil }

type Users struct {
	_ service.Name `service:"users"`

	Entrypoints struct {
		GetUser rpc.Method `rpc:"get_user(user_id)"`
	}
}

func (*Users) GetUsr(_ context.Context, id int) (string, error) { return "", nil }

type Carts struct {
	_ service.Name `service:"carts"`

	Entrypoints struct {
		clear rpc.Method `rpc:"clear(user_id)"`
	}
}

func (*Carts) clear(_ context.Context, userID int) error { return nil }

type Stock struct {
	_ service.Name `service:"stock"`

	Entrypoints struct {
		Count rpc.Method `rpc:"count(product)"`
	}
}

func (*Stock) Count(product string) (int, error) { return 0, nil }

type Prices struct {
	_ service.Name `service:"prices"`

	Entrypoints struct {
		Price rpc.Method `rpc:"price(product)"`
	}
}

func (*Prices) Price(_ context.Context, product string) int { return 0 }

type Readings struct {
	_ service.Name `service:"readings"`

	Entrypoints struct {
		All    rpc.Method `rpc:"all"`
		Values rpc.Method `rpc:"values"`
		Store  rpc.Method `rpc:"store(values)"`
		Merge  rpc.Method `rpc:"merge(a, b)"`
	}

	Archive ArchiveClient
}

func (*Readings) All(context.Context) iter.Seq2[int, error]                 { return nil }
func (*Readings) Values(context.Context) (iter.Seq[int], error)             { return nil, nil }
func (*Readings) Store(_ context.Context, values iter.Seq[int]) error       { return nil }
func (*Readings) Merge(_ context.Context, a, b iter.Seq2[int, error]) error { return nil }

// ArchiveClient is a client of the archive service.
type ArchiveClient struct {
	_ rpc.Client `rpc:"archive"`

	Load func(ctx context.Context) (iter.Seq2[int, error], error)                      `rpc:"load"`
	Copy func(ctx context.Context, values iter.Seq2[int, error]) iter.Seq2[int, error] `rpc:"copy"`
}

type Invoices struct {
	_ service.Name `service:"invoices"`

	Entrypoints struct {
		Send rpc.Method `rpc:"send(order_id)"`
	}
}

func (*Invoices) Send(_ context.Context, orderID, copies int) error { return nil }

type Reviews struct {
	_ service.Name `service:"reviews"`

	Entrypoints struct {
		List rpc.Method `rpc:"list(product, limit='ten')"`
	}
}

func (*Reviews) List(_ context.Context, product string, limit int) ([]string, error) { return nil, nil }

type Bundles struct {
	_ service.Name `service:"bundles"`

	Entrypoints struct {
		Pack rpc.Method `rpc:"pack(lines)"`
	}
}

type Line struct {
	Product string `json:"product"`
	Unit    string `json:"unit" default:"piece"`
}

func (*Bundles) Pack(_ context.Context, lines []Line) error { return nil }

type Coupons struct {
	_ service.Name `service:"coupons"`

	Entrypoints struct {
		Redeem rpc.Method `rpc:"redeem(code)"`
	}

	mu   sync.Mutex
	used map[string]bool
}

func (c *Coupons) Redeem(_ context.Context, code string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used[code] = true
	return nil
}

type Returns struct {
	Name service.Name `service:"returns"`

	Entrypoints struct {
		Open rpc.Method `rpc:"open(order_id)"`
	}
}

func (*Returns) Open(_ context.Context, orderID int) error { return nil }

type Couriers struct {
	Entrypoints struct {
		Find rpc.Method `rpc:"find(town)"`
	}
}

func (*Couriers) Find(_ context.Context, town string) (string, error) { return "", nil }

type Parcels struct {
	_ service.Name `service:"parcels"`

	Track rpc.Method `rpc:"track(parcel_id)"`
}

type Suppliers struct {
	_ service.Name `service:"suppliers"`

	Entrypoints struct {
		All rpc.Method `rpc:"all()"`
	}

	DB *sql.DB `inject:""`
}

func (*Suppliers) All(context.Context) ([]string, error) { return nil, nil }

type Wishes struct {
	_ service.Name `service:"wishes"`

	Entrypoints struct {
		Add rpc.Method `rpc:"add(user_id, product)"`
	}

	Users UsersClient
}

// UsersClient is a client of the users service.
type UsersClient struct {
	_ rpc.Client `rpc:"users"`

	Get  func(id int) (string, error)                                `rpc:"get_user(user_id)"`
	Find func(ctx context.Context, name, town string) ([]int, error) `rpc:"find_users(name)"`
}

func (*Wishes) Add(_ context.Context, userID int, product string) error { return nil }

type Gifts struct {
	_ service.Name `service:"gifts"`

	Entrypoints struct {
		Wrap rpc.Method `rpc:"wrap(order_id)"`
	}
}

type Presents struct {
	_ service.Name `service:"gifts"`

	Entrypoints struct {
		Choose rpc.Method `rpc:"choose(user_id)"`
	}
}

func (*Gifts) Wrap(_ context.Context, orderID int) error { return nil }

func (*Presents) Choose(_ context.Context, userID int) (string, error) { return "", nil }

type Ledger struct {
	_ service.Name `service:"ledger"`

	Entrypoints struct {
		Book messaging.Consumer `messaging:"booking"`
	}
}

func (*Ledger) Book(_ context.Context, amount int) error { return nil }

type Genies struct {
	_ service.Name `service:"genies"`

	Entrypoints struct {
		Grant rpc.Method `rpc:"grant(wish)"`
	}
}

func (*Genies) Grant(_ context.Context, wish string) error { return nil }

func (*Genies) Docs() service.Docs {
	return service.Docs{Rows: map[string]service.RowDocs{"Garnt": {Text: "Only three."}}}
}

type Banners struct {
	_ service.Name `service:"banners"`

	Entrypoint struct {
		Show rpc.Method `rpc:"show(page)"`
	}
}

func (*Banners) Show(_ context.Context, page string) (string, error) { return "", nil }

type Drivers struct {
	_ service.Name `service:"van drivers"`

	Entrypoints struct {
		Assign rpc.Method `rpc:"assign(order_id)"`
	}
}

func (*Drivers) Assign(_ context.Context, orderID int) error { return nil }

type Labels struct {
	_ service.Name `service:"labels"`

	Entrypoints struct {
		Print rpc.Method `rpc:"print(order_id)"`
	}

	Printers PrintersClient
}

type PrintersClient struct {
	Print func(ctx context.Context, text string) error `rpc:"print(text)"`
}

func (*Labels) Print(_ context.Context, orderID int) error { return nil }

type Limits struct{ PerDay int }

type Vouchers struct {
	_ service.Name `service:"vouchers"`

	Entrypoints struct {
		Redeem rpc.Method `rpc:"redeem(code)"`
	}

	Limits Limits
}

func (*Vouchers) Redeem(_ context.Context, code string) error { return nil }

type Alarms struct {
	_ service.Name `service:"alarms"`

	Entrypoints struct {
		Find rpc.Method `rpc:"find(name)"`
		Set  rpc.Method `rpc:"set(alarm, done)"`
	}
}

type Alarm struct {
	Name string
	Ring func()
}

func (*Alarms) Find(_ context.Context, name string) (*Alarm, error)            { return nil, nil }
func (*Alarms) Set(_ context.Context, alarm Alarm, done chan<- struct{}) error { return nil }

type Lockers struct {
	_ service.Name `service:"lockers"`

	Entrypoints struct {
		Open rpc.Method `rpc:"open(order_id)"`
	}

	Greetings GreetingsClient
}

type GreetingsClient struct {
	_ rpc.Client `rpc:"greeting_service"`

	Hello func(ctx context.Context, name string) (string, error) `rpc:"helo(name)"`
}

func (*Lockers) Open(_ context.Context, orderID int) error { return nil }

type Pictures struct {
	_ service.Name `service:"pictures"`

	Entrypoints struct {
		Resize jobs.Job `jobs:"resize(url)"`
		Shrink jobs.Job `jobs:"resize(url)"`
	}
}

func (*Pictures) Resize(_ context.Context, url string) error { return nil }
func (*Pictures) Shrink(_ context.Context, url string) error { return nil }

type Posters struct {
	_ service.Name `service:"posters"`

	Entrypoints struct {
		Print jobs.Job `jobs:"print(url)" done:"Printed"`
	}
}

func (*Posters) Printed(_ context.Context, id string, err error) error { return nil }

func (*Posters) Print(_ context.Context, url string) error { return nil }

type Receipts struct {
	_ service.Name `service:"receipts"`

	Entrypoints struct{}

	Dispatch events.Dispatcher `outbox:"database"`
}

type Tallies struct {
	_ service.Name `service:"tallies"`

	Entrypoints struct {
		Count jobs.Job `jobs:"count(product, days=1)" unique:"products" resource:"{day}"`
	}
}

func (*Tallies) Count(_ context.Context, product string, days int) error { return nil }

type Films struct {
	_ service.Name `service:"films"`

	Entrypoints struct {
		Cut jobs.Job `jobs:"cut(url)" timeout:"2h"`
	}
}

func (*Films) Cut(_ context.Context, url string) error { return nil }

type Nights struct {
	_ service.Name `service:"nights"`

	Entrypoints struct {
		Report jobs.Job `jobs:"report(day)" cron:"30 2 * * *"`
	}
}

func (*Nights) Report(_ context.Context, day string) error { return nil }

type Mornings struct {
	_ service.Name `service:"mornings"`

	Entrypoints struct {
		Import jobs.Job `jobs:"import_all" cron:"0 6 * * *" tz:"Europe/Madrid"`
	}
}

func (*Mornings) Import(_ context.Context) error { return nil }

type Signups struct {
	_ service.Name `service:"signups"`

	Entrypoints struct {
		SignUp rpc.Method `rpc:"sign_up"`
	}
}

type Applicant struct {
	Email string `json:"email" format:"e-mail"`
	Age   int    `json:"age" min:"18" max:"17"`
	Code  string `json:"code" min:"6"`
	Plan  string `json:"plan" enum:"free,pro" default:"'basic'"`
}

func (*Signups) SignUp(_ context.Context, a Applicant) error { return nil }

type Parkings struct {
	_ service.Name `service:"parkings"`

	Entrypoints struct {
		Open  rpc.Method `rpc:"open()" allow:"staff, guards"`
		Close rpc.Method `rpc:"close()" confirm:"true"`
	}
}

func (*Parkings) Open(_ context.Context) error { return nil }

func (*Parkings) Close(_ context.Context) error { return nil }

type Lamps struct {
	_ service.Name `service:"lamps"`

	Entrypoints struct {
		Light jobs.Job `jobs:"light()" allow:"staff" cron:"0 20 * * *" overlap:"allow"`
	}
}

func (*Lamps) Light(_ context.Context) error { return nil }
