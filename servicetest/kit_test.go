package servicetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

// Shop sells to users.
type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		Buy   rpc.Method `rpc:"buy(user_id, product)"`
		Count rpc.Method `rpc:"count"`
	}

	Users Users
	Stock Stock `inject:""`
}

// Users is a client of the users service.
type Users struct {
	_ rpc.Client `rpc:"users"`

	Name func(ctx context.Context, id int) (string, error) `rpc:"get_name"`
}

// A Stock holds the products of a shop.
type Stock interface {
	Take(product string) error
	Count() int
}

func (s *Shop) Buy(ctx context.Context, userID int, product string) (string, error) {
	name, err := s.Users.Name(ctx, userID)
	if err != nil {
		return "", err
	}
	return product + " for " + name, s.Stock.Take(product)
}

func (s *Shop) Count(context.Context) (int, error) { return s.Stock.Count(), nil }

// shop contains the service and its dependencies.
var shop = fx.Module("shop",
	service.Provide(new(Shop)),
	fx.Provide(openWarehouse),
)

func openWarehouse() (Stock, error) { return nil, errors.New("no warehouse in a test") }

// A shelf is the Stock of tests.
type shelf map[string]int

var errSoldOut = errors.New("sold out")

func (s shelf) Take(product string) error {
	if s[product] == 0 {
		return errSoldOut
	}
	s[product]--
	return nil
}

func (s shelf) Count() (n int) {
	for _, left := range s {
		n += left
	}
	return n
}

// A service is a struct, and its dependencies are fields.
func TestBuyAlone(t *testing.T) {
	t.Parallel()
	shop := &Shop{
		Users: Users{Name: func(context.Context, int) (string, error) { return "Julio", nil }},
		Stock: shelf{"tea": 1},
	}
	got, err := shop.Buy(t.Context(), 7, "tea")
	if want := "tea for Julio"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// Client is a client of the shop.
type Client struct {
	_ rpc.Client `rpc:"shop"`

	Buy func(ctx context.Context, userID int, product string) (string, error) `rpc:"buy"`
}

// A running service keeps the fields of its literal.
func TestBuyHosted(t *testing.T) {
	t.Parallel()
	h := servicetest.New(t, &Shop{
		Users: Users{Name: func(context.Context, int) (string, error) { return "Julio", nil }},
		Stock: shelf{"tea": 1},
	})
	client, err := rpc.Bind[Client](h)
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.Buy(t.Context(), 7, "tea")
	if want := "tea for Julio"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// FakeUsers replaces the users service.
type FakeUsers struct {
	_ service.Name `service:"users"`

	Entrypoints struct {
		Name rpc.Method `rpc:"get_name(id)"`
	}
}

func (*FakeUsers) Name(ctx context.Context, _ int) (string, error) {
	if language, _ := service.Language.Get(ctx); language == "es" {
		return "Julio", nil
	}
	return "Julius", nil
}

// A value of a module is replaced by its type, another service by its name.
func TestBuyReplaced(t *testing.T) {
	t.Parallel()
	stock := fx.Annotate(shelf{"tea": 1}, fx.As(new(Stock)))
	h := servicetest.New(t, shop, fx.Replace(stock), new(FakeUsers))

	client, err := rpc.Bind[Client](h)
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.Buy(service.Language.With(t.Context(), "es"), 7, "tea")
	if want := "tea for Julio"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// Run calls a method as the entrypoint of its row would, and returns its error.
func TestRun(t *testing.T) {
	t.Parallel()
	h := servicetest.New(t, &Shop{Stock: shelf{}}, new(FakeUsers))
	ctx := service.Language.With(t.Context(), "es")
	_, err := h.Run(ctx, "shop.Buy", 7, rpc.Kwargs{"product", "tea"})
	if !errors.Is(err, errSoldOut) {
		t.Errorf("got %v, want %v", err, errSoldOut)
	}
}

// Watch waits for a call that another call makes.
func TestWatch(t *testing.T) {
	t.Parallel()
	h := servicetest.New(t, &Shop{Stock: shelf{"tea": 1}}, new(FakeUsers))
	named := h.Watch("users.Name")

	if _, err := h.Run(t.Context(), "shop.Buy", 7, "tea"); err != nil {
		t.Fatal(err)
	}
	if got := named(); got.Err != nil || got.Result != "Julius" || got.Call.Method != "get_name" {
		t.Errorf("got %v, %v from %s, want Julius from get_name", got.Result, got.Err, got.Call.Method)
	}
}

// Newsletter has readers until they unsubscribe.
type Newsletter struct {
	_ service.Name `service:"newsletter"`

	Entrypoints struct {
		Unsubscribe events.Handler `events:"users.user_deleted"`
	}

	Readers map[int]string
}

// Deleted is the payload of user_deleted.
type Deleted struct{ ID int }

func (n *Newsletter) Unsubscribe(_ context.Context, user Deleted) error {
	delete(n.Readers, user.ID)
	return nil
}

// An event passes through the broker to its handler.
func TestEvent(t *testing.T) {
	t.Parallel()
	readers := map[int]string{7: "Julio", 8: "Ana"}
	h := servicetest.New(t, &Newsletter{Readers: readers})
	unsubscribed := h.Watch("newsletter.Unsubscribe")

	if err := h.Dispatcher("users")(t.Context(), "user_deleted", Deleted{ID: 7}); err != nil {
		t.Fatal(err)
	}
	if got := unsubscribed(); got.Err != nil || len(readers) != 1 {
		t.Errorf("got %v, %v, want Ana alone", readers, got.Err)
	}
}

// Rows that are not started are checked, and can be run.
func TestOnly(t *testing.T) {
	t.Parallel()
	h := servicetest.New(t, &Shop{Stock: shelf{"tea": 2}}, service.Config{Only: []string{"shop.Count"}})
	err := h.Client("shop").Call(t.Context(), "buy", nil, 7, "tea")
	if !errors.Is(err, rpc.ErrMethodNotFound) {
		t.Errorf("got %v, want %v", err, rpc.ErrMethodNotFound)
	}
}

// Check reports all mistakes of the services and starts nothing.
func TestServices(t *testing.T) {
	t.Parallel()
	servicetest.Check(t, &Shop{Stock: shelf{}}, new(FakeUsers), service.Config{MaxWorkers: 10})
}

// In a bubble, time costs nothing: a call times out after 30 s, and heartbeats continue for an
// hour.
func TestTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := servicetest.New(t, new(Greeting))
		greeting := h.Client("greeting_service")

		began := time.Now()
		err := greeting.Call(t.Context(), "hang", nil)
		if took := time.Since(began); !errors.Is(err, rpc.ErrTimeout) || took != 30*time.Second {
			t.Errorf("got %v after %v, want %v after 30s", err, took, rpc.ErrTimeout)
		}

		time.Sleep(time.Hour)
		if err := greeting.Call(t.Context(), "hello", nil, "Julio"); err != nil {
			t.Errorf("after an hour: %v", err)
		}
	})
}

// A timer ticks at its interval.
func TestTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := servicetest.New(t, new(Diary))
		turned, began := h.Watch("diary.Turn"), time.Now()
		time.Sleep(24 * time.Hour)
		if got := turned(); got.Err != nil || time.Since(began) != 24*time.Hour {
			t.Errorf("got %v after %v, want the first tick after a day", got.Err, time.Since(began))
		}
	})
}
