package web_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Mistaken contains every mistake of a SocketMethod.
type Mistaken struct {
	_ service.Name `service:"mistaken"`

	Entrypoints struct {
		Path    web.SocketMethod `web:"GET /orders" method:"Watch"`
		Nobody  web.SocketMethod `web:"nobody"`
		Typo    web.SocketMethod `web:"typo(id)" method:"Watch" at_onec:"2"`
		Many    web.SocketMethod `web:"many(id)" method:"Watch" at_once:"all"`
		Zero    web.SocketMethod `web:"zero(id)" method:"Watch" at_once:"0"`
		Second  web.SocketMethod `web:"second(id)"`
		Watch   web.SocketMethod `web:"watch(id)"`
		Typed   web.SocketMethod `web:"typed(ids)"`
		Another web.SocketMethod `web:"watch(id)" method:"Watch"`
	}

	Hub web.Hub `web:"orders"`
}

func (*Mistaken) Watch(context.Context, *web.Socket, string) error           { return nil }
func (*Mistaken) Typed(context.Context, map[complex64]int) (chan int, error) { return nil, nil }
func (*Mistaken) Second(context.Context, string, *web.Socket) error          { return nil }

// All mistakes are reported at once, each with its remedy.
func TestSocketMistakes(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{}, new(Mistaken))
	if err == nil {
		t.Fatal("got no error")
	}
	got := strings.Split(err.Error(), "\n")
	for i, want := range []string{
		`Path: signature "GET /orders": unexpected "/orders"`,
		`Nobody: no such method`,
		`Typo: unknown key at_onec in its tag: did you mean at_once?`,
		`Many: at_once "all" must be an integer of at least 1: write at_once:"4", or remove it to run one request at a time`,
		`Zero: at_once "0" must be an integer of at least 1`,
		`Second: the *web.Socket must be the first parameter after ctx: write (ctx context.Context, s *web.Socket, …)`,
		`Typed: parameter ids is a map[complex64]int, whose keys cannot be decoded: use keys that are strings, numbers or bools, or give complex64 the method UnmarshalText`,
		`Typed: result is a chan int, which cannot be encoded: use a type that holds data`,
		`Another: method "watch" of /ws is taken by the row Watch of mistaken: give one of them another name`,
		`Hub: unknown key web in its tag: known keys: doc`,
	} {
		if i >= len(got) || !strings.Contains(got[i], want) {
			t.Errorf("line %d: want %s in\n%s", i+1, want, err)
		}
	}
	_, err = service.New(service.Config{}, new(Counted), service.Configure(web.Config{Sockets: web.Sockets{
		Origins: []string{"*", "https://shop.example", "shop.example", "https://shop.example/"}, Queue: -1,
	}}))
	for _, want := range []string{
		`web.Config: "shop.example" is not an origin: write scheme and host, as in "https://app.example.org"`,
		`web.Config: "https://shop.example/" is not an origin`, "web.Config: Sockets.Queue must not be negative",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
