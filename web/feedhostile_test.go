package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// TestFeedInjection sends events whose names and data contain line ends. A client of a stream sees
// one event with the same data.
func TestFeedInjection(t *testing.T) {
	t.Parallel()
	r := startRadio(t, web.Config{})
	s := r.stream("channel=a")
	for _, end := range []string{"\n", "\r", "\r\n", "\n\n", "\x00", "\u2028"} {
		evil := "x" + end + "id: 1" + end + "data: forged" + end + end + "event: reset"
		r.send("a", evil, evil)
		lines := s.block()
		if len(lines) != 2 || !strings.HasPrefix(lines[0], "event: x") || !strings.HasPrefix(lines[1], "data: ") {
			t.Fatalf("%q: got %q, want one event", end, lines)
		}
		var got string
		if err := json.Unmarshal([]byte(strings.TrimPrefix(lines[1], "data: ")), &got); err != nil || got != evil {
			t.Errorf("got %q, %v, want %q", got, err, evil)
		}
	}
	if len(s.id) < 10 || strings.ContainsAny(s.id, " :") {
		t.Errorf("got the id %q", s.id)
	}
}

// TestFeedChannelNames listens to channels whose names come from users. Each client only gets what
// was sent to its channel.
func TestFeedChannelNames(t *testing.T) {
	t.Parallel()
	r := startRadio(t, web.Config{})
	names := []string{"#", "*", "a.#", "a.b", "a.*", ".", "..", " ", "\n", "ü", strings.Repeat("x", 255), strings.Repeat("x", 1024), "p.000000000000", "4095"}
	next := map[string]string{}
	for _, name := range names {
		next[name] = r.poll("wait=0&channel=" + escape(name)).Next
	}
	for _, name := range names {
		r.send(name, "told", name)
	}
	for _, name := range names {
		got := r.poll("wait=0&channel=" + escape(name) + "&next=" + next[name])
		if len(got.Events) != 1 || got.Events[0].Data != name || got.Reset != nil {
			t.Errorf("%.20q: got %s", name, got)
		}
	}
}

// Greedy lets a client listen to 100,000 channels.
type Greedy struct {
	_ service.Name `service:"greedy"`

	Entrypoints struct {
		Feed web.Feed `web:"GET /all"`
	}
}

func (*Greedy) Feed(context.Context) ([]string, error) {
	channels := make([]string, 100_000)
	for i := range channels {
		channels[i] = fmt.Sprint(i)
	}
	return channels, nil
}

// TestFeedManyChannels refuses a client that asks for 100,000 channels. A client with the maximum
// number gets its events, though its position is too long to return with.
func TestFeedManyChannels(t *testing.T) {
	t.Parallel()
	r := &radio{start(t, web.Config{}, new(Radio), new(Greedy)), t}
	response, err := r.client.Get(r.url + "/all")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("got %s, want 403", response.Status)
	}
	r = &radio{start(t, web.Config{MaxHeader: 1 << 20, Feeds: web.Feeds{MaxChannels: 1000}}, new(Radio)), t}
	var query strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&query, "&channel=%d", i)
	}
	got := r.poll("wait=0" + query.String())
	if got.Next != "-" {
		t.Errorf("got the position %.20s… of %d bytes, want -", got.Next, len(got.Next))
	}
	if got := r.poll("next=-" + query.String()); got.String() != "reset" {
		t.Errorf("got %s, want a reset", got)
	}
}

// TestFeedStorm sends far more polls than are allowed. The excess ones are refused at once, and all
// others get the event.
func TestFeedStorm(t *testing.T) {
	t.Parallel()
	const most, all = 50, 300
	r := startRadio(t, web.Config{Feeds: web.Feeds{Max: most}, MaxWaiting: 1000})
	var mu sync.Mutex
	var polls sync.WaitGroup
	var rest sync.Once
	count, refused := map[string]int{}, make(chan struct{})
	for range all {
		polls.Go(func() {
			response, err := r.client.Get(r.url + "/feed?channel=a")
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			var got told
			_ = json.NewDecoder(response.Body).Decode(&got) // empty for a refused poll
			mu.Lock()
			defer mu.Unlock()
			if count[fmt.Sprint(response.StatusCode, " ", got)]++; count["503 "] == all-most {
				rest.Do(func() { close(refused) })
			}
		})
	}
	hosttest.Receive(t, "the refusals", refused)
	r.send("a", "told", 1) // all others are listening
	polls.Wait()
	if count["503 "] != all-most || count["200 a told 1"] != most {
		t.Errorf("got %v, want %d that hear the event and %d refused", count, most, all-most)
	}
}

func escape(name string) string { return url.QueryEscape(name) }
