package fleet_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Shop has an application of net/http behind a queue.
type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		Site web.Backend `web:"shop"`
	}

	mux *http.ServeMux
}

// NewShop returns the service with its application.
func NewShop() *Shop {
	s := &Shop{mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "item %s", r.PathValue("id"))
	})
	return s
}

// Site answers the requests from the queue.
func (s *Shop) Site(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Gate forwards some paths to the shop.
type Gate struct {
	_ service.Name `service:"gate"`

	Items web.Front `web:"/items/" to:"shop"`
}

// The shop and the gate would be programs on two machines. Only the gate listens on a port.
func ExampleHTTP() {
	ctx := context.Background()
	b := broker.New(broker.Config{}) // in production, use RabbitMQ
	defer b.Close(ctx)
	configured := service.Defaults(to(b), fleet.HTTP())
	address := make(chan string, 1)
	listen := func(ctx context.Context, _ string) (net.Listener, error) {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err == nil {
			address <- l.Addr().String()
		}
		return l, err
	}
	for _, services := range [][]any{{NewShop(), configured}, {new(Gate), configured, service.Configure(web.Config{Listen: listen})}} {
		c, err := service.New(service.Config{}, services...)
		if err == nil {
			err = c.Start(ctx)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		defer c.Stop(ctx)
	}
	response, err := http.Get("http://" + <-address + "/items/7")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	fmt.Printf("%s", text)
	// Output: item 7
}
