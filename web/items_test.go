package web_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Journal yields entries.
type Journal struct {
	_ service.Name `service:"journal"`

	Entrypoints struct {
		Entries web.Route `web:"GET /entries/{n}"`
		Broken  web.Route `web:"GET /broken/{n}"`
		Endless web.Route `web:"GET /endless"`
	}

	Ended chan error
	Made  *atomic.Int64 // number of items of Endless
}

type entry struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

func entries(n int, last error) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		for i := range n {
			if !yield(entry{i, "line\nbreak"}, nil) {
				return
			}
		}
		if last != nil {
			yield(entry{}, last)
		}
	}
}

func (*Journal) Entries(_ context.Context, n int) (iter.Seq2[entry, error], error) {
	return entries(n, nil), nil
}

func (*Journal) Broken(_ context.Context, n int) (iter.Seq2[entry, error], error) {
	return entries(n, errors.New("broken")), nil
}

// Endless yields items until its call ends.
func (l *Journal) Endless(ctx context.Context) (iter.Seq2[string, error], error) {
	return func(yield func(string, error) bool) {
		for yield(strings.Repeat("x", 10_000), nil) {
			l.Made.Add(1)
		}
		l.Ended <- context.Cause(ctx)
	}, nil
}

// A route sends the items of its method in the format that the client accepts.
func TestItems(t *testing.T) {
	p := start(t, web.Config{}, &Journal{Ended: make(chan error, 1), Made: new(atomic.Int64)})
	const list = `[{"n":0,"text":"line\nbreak"},{"n":1,"text":"line\nbreak"}]`
	const lines = `{"n":0,"text":"line\nbreak"}` + "\n" + `{"n":1,"text":"line\nbreak"}` + "\n"
	const events = `data: {"n":0,"text":"line\nbreak"}` + "\n\n" + `data: {"n":1,"text":"line\nbreak"}` + "\n\n"
	for name, test := range map[string]struct {
		path, accept string
		status       int
		contentType  string
		body         string
		cut          bool
	}{
		"a list":                    {"/entries/2", "", 200, "application/json", list, false},
		"any":                       {"/entries/2", "text/html, */*", 200, "application/json", list, false},
		"lines":                     {"/entries/2", "application/x-ndjson", 200, "application/x-ndjson", lines, false},
		"lines by another name":     {"/entries/2", "application/jsonl; q=0.9, */*", 200, "application/x-ndjson", lines, false},
		"events":                    {"/entries/2", "text/event-stream", 200, "text/event-stream", events + "event: end\ndata: {\"count\":2}\n\n", false},
		"no items in a list":        {"/entries/0", "", 200, "application/json", "[]", false},
		"no lines":                  {"/entries/0", "application/x-ndjson", 200, "application/x-ndjson", "", false},
		"no events":                 {"/entries/0", "text/event-stream", 200, "text/event-stream", "event: end\ndata: {\"count\":0}\n\n", false},
		"an error, list":            {"/broken/2", "application/json", 500, "", "", false},
		"an error before any line":  {"/broken/0", "application/x-ndjson", 500, "", "", false},
		"an error before any event": {"/broken/0", "text/event-stream", 500, "", "", false},
		"an error between lines":    {"/broken/2", "application/x-ndjson", 200, "application/x-ndjson", lines, true},
		"an error between events":   {"/broken/2", "text/event-stream", 200, "text/event-stream", events + "event: error\n", true},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if test.accept != "" {
			r.Header.Set("Accept", test.accept)
		}
		response, err := p.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != test.status || test.status == 200 && response.Header.Get("Content-Type") != test.contentType || (err != nil) != test.cut {
			t.Errorf("%s: got %d, %s, %v, want %d, %s", name, response.StatusCode, response.Header.Get("Content-Type"), err, test.status, test.contentType)
		}
		if test.status == 200 && (string(body) != test.body && !test.cut || !strings.HasPrefix(string(body), test.body)) {
			t.Errorf("%s: got %s, want %s", name, body, test.body)
		}
	}
}

// A client that disconnects ends the method, and one that does not read blocks it.
func TestItemsEndWithTheClient(t *testing.T) {
	journal := &Journal{Ended: make(chan error, 1), Made: new(atomic.Int64)}
	p := start(t, web.Config{}, journal)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/endless", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/x-ndjson")
	response, err := p.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if line, err := bufio.NewReader(response.Body).ReadString('\n'); err != nil || len(line) != 10_003 {
		t.Fatalf("got %d bytes, %v, want a line", len(line), err)
	}
	const most = 10_000 // 100 MB, far more than the sockets buffer
	for before := int64(-1); before != journal.Made.Load() && before <= most; time.Sleep(50 * time.Millisecond) {
		before = journal.Made.Load()
	}
	if made := journal.Made.Load(); made > most {
		t.Errorf("the method has made %d items for a client that does not read, want that it waits", made)
	}
	cancel()
	if cause := hosttest.Receive(t, "the end of the method", journal.Ended); cause == nil {
		t.Error("the method ended, but its ctx did not")
	}
	large, err := p.client.Get(p.url + "/endless")
	if err != nil {
		t.Fatal(err)
	}
	defer large.Body.Close()
	if large.StatusCode != http.StatusNotAcceptable {
		t.Errorf("an endless list: got %d, want 406", large.StatusCode)
	}
}
