package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Towns tell their news.
type Towns struct {
	_ service.Name `service:"towns"`

	Entrypoints struct {
		Listen web.Feed  `web:"GET /news/{town}"`
		Report web.Route `web:"POST /news/{town}"`
	}

	Hub web.Hub
}

// Listen says to which channels a client may listen.
func (*Towns) Listen(_ context.Context, town string) ([]string, error) {
	if town == "Atlantis" {
		return nil, &web.Error{Status: http.StatusNotFound, Message: "there is no such town"}
	}
	return []string{"news." + town}, nil
}

// Report tells everybody who listens.
func (t *Towns) Report(ctx context.Context, town string, news News) error {
	return t.Hub.Broadcast(ctx, "news."+town, "told", news.Text)
}

// News is the body of a report.
type News struct {
	Text string `json:"text"`
}

// A client polls: it remembers next, and misses nothing.
func ExampleFeed() {
	url, stop := serve(new(Towns))
	defer stop()
	get := func(query string) string {
		response, err := http.Get(url + "/news/Oslo" + query)
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return string(text)
	}
	_, next, _ := strings.Cut(get("?wait=0"), `"next":"`)
	next, _, _ = strings.Cut(next, `"`)
	response, err := http.Post(url+"/news/Oslo", "application/json", strings.NewReader(`{"text": "rain"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	events, _, _ := strings.Cut(get("?next="+next), `,"next"`)
	fmt.Println(events)
	// Output: {"events":[{"channel":"news.Oslo","event":"told","data":"rain"}]
}
