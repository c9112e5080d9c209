package fleet_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// A numbered is the data of an event.
type numbered struct {
	N    int
	Sent time.Time
}

// A listener counts the events that a client of a feed receives.
type listener struct {
	times *times
	last  int // the latest event; -1 if it may have missed some

	Gaps, Doubles, Resets int
}

// hear records an event.
func (l *listener) hear(data []byte) {
	var e numbered
	if json.Unmarshal(data, &e) != nil {
		return
	}
	switch {
	case l.last >= 0 && e.N <= l.last:
		l.Doubles++
		return
	case l.last >= 0 && e.N > l.last+1:
		l.Gaps++
	}
	l.last = e.N
	l.times.heard(e.N, time.Since(e.Sent))
}

func (l *listener) reset() { l.Resets, l.last = l.Resets+1, -1 }

// times holds how long each event took to reach the last listener.
type times struct {
	mu   sync.Mutex
	last []time.Duration
}

// heard records that a listener has received an event.
func (t *times) heard(n int, after time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n < len(t.last) {
		t.last[n] = max(t.last[n], after)
	}
}

// summary returns the median and the maximum of the events' times.
func (t *times) summary() (median, most time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := slices.Sorted(slices.Values(t.last[1:]))
	return all[len(all)/2], all[len(all)-1]
}

// A reader is a client of a feed that reconnects until it has received the last event.
type reader struct {
	listener
	client *http.Client
	url    string
	stream bool
	id     string
}

// run listens until the event number until.
func (r *reader) run(ctx context.Context, until int, listening func()) {
	for r.last < until && ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/feed?channel=news&next="+url.QueryEscape(r.id), nil)
		if err != nil {
			return
		}
		if r.id == "" && !r.stream {
			request.URL.RawQuery += "&wait=0"
		}
		if r.stream {
			request.Header.Set("Accept", "text/event-stream")
		}
		response, err := r.client.Do(request)
		if err == nil && response.StatusCode == http.StatusOK {
			if r.stream {
				r.readStream(response.Body, until, listening)
			} else {
				r.readAnswer(response.Body, listening)
			}
		}
		if err == nil {
			response.Body.Close()
		}
		if err != nil || response.StatusCode != http.StatusOK {
			select {
			case <-time.After(50 * time.Millisecond): // as clients do when their server is gone
			case <-ctx.Done():
			}
		}
	}
}

func (r *reader) readAnswer(body io.Reader, listening func()) {
	var a answer
	if json.NewDecoder(body).Decode(&a) != nil {
		return
	}
	if a.Reset != nil {
		r.reset()
	}
	for _, e := range a.Events {
		r.hear(e.Data)
	}
	r.id = a.Next
	listening()
}

func (r *reader) readStream(body io.Reader, until int, listening func()) {
	name, id := "", ""
	lines := bufio.NewScanner(body)
	var data string
	for r.last < until && lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "event":
			name = value
		case "data":
			data = value
		case "id":
			id = value
		case "":
			if id != "" {
				r.id, id = id, ""
			}
			switch {
			case name == "reset":
				r.reset()
			case data != "":
				r.hear([]byte(data))
			}
			name, data = "", ""
			listening()
		}
	}
}
