package web

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/gomeko/gomeko/service"
)

// Feed is an entrypoint row that sends the events of [Hub].Broadcast to clients without a
// websocket, as Server-Sent Events or by long polling. Its tag is a pattern of [http.ServeMux] for
// GET:
//
//	Feed web.Feed `web:"GET /subscribe/{channel}"`
//
// The row's method decides whether the client may listen, and to which channels. It takes the same
// parameters as the method of a [Route]:
//
//	func (b *Board) Feed(ctx context.Context, channel string) ([]string, error)
//
// If it returns an error, the client is answered as by a Route; if it returns an empty list, with
// 403. The method is a call like any other. It returns before the events begin, so a listening
// client does not occupy a worker.
//
// A client that accepts text/event-stream, such as a browser's EventSource, gets a stream. Any
// other client gets JSON as soon as there is an event, and after [Feeds].Wait at the latest:
//
//	{"events": [{"channel": "news", "event": "told", "data": …}], "next": "…", "reset": null}
//
// To continue, it asks again with the query next=…, and gets the events that were sent meanwhile.
// With wait=0 in the query the response comes at once. For a stream, a browser reconnects
// automatically and sends the header Last-Event-ID.
//
// If events may be missing, because the client or this process was disconnected for longer than
// events are kept, the client gets a reset: the event reset in a stream, or an object in a
// response. The client should then reload its state, after the delay in milliseconds that the reset
// contains.
//
// See [Feeds] for limits.
type Feed struct{}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Feed) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	pattern := r.Tag.Get("web")
	b, bindErr := newBinding(r, translated(pattern))
	if err := errors.Join(r.Tag.Keys("web", "name"), checkPattern(pattern), bindErr); err != nil {
		return nil, err
	}
	if details := patternDetails(pattern); details["method"] != http.MethodGet {
		return nil, fmt.Errorf(`the pattern %q must be for GET: write web:"GET %s"`, pattern, details["path"])
	}
	if b.takesWriter || r.Result() != reflect.TypeFor[[]string]() {
		return nil, fmt.Errorf("%s must return the channels that the client may listen to: write %s(ctx context.Context, …) ([]string, error)", r.Method, r.Method)
	}
	s, err := service.Shared(r.Host, newServer)
	if err != nil {
		return nil, err
	}
	sockets, err := service.Shared(r.Host, newSocketServer)
	if err != nil {
		return nil, err
	}
	relay, err := sockets.serveFeeds(s)
	if err != nil {
		return nil, err
	}
	rt := &route{server: s, row: r, binding: b, admission: s.admission(r.Service)}
	return s, s.handle(place{r.Service, r.Name, r}, pattern, &feed{rt, relay})
}

// A feed answers requests to listen.
type feed struct {
	*route
	relay *relay
}

// ServeHTTP asks the row's method for the channels. It then sends their events until the client has
// disconnected or its poll is answered.
func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	wait, err := f.wait(query.Get("wait"))
	if err != nil {
		f.refuse(w, r, err)
		return
	}
	c, result, ok := f.call(w, r)
	if !ok {
		return
	}
	if result.err != nil {
		c.respond(w, nil, result.err)
		return
	}
	channels, _ := result.value.([]string)
	id := query.Get("next")
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		id = last
	}
	f.server.feeds.Add(1) // it counts while it waits for its channels, too
	defer f.server.feeds.Add(-1)
	l, err := f.relay.listen(r.Context(), channels, id, func() { _ = http.NewResponseController(w).SetWriteDeadline(past) })
	if err != nil {
		f.fail(w, r, err)
		return
	}
	defer l.close()
	w.Header().Set("Cache-Control", "no-store")
	if accepted(r)["text/event-stream"] > 0 {
		f.stream(w, r, l)
		return
	}
	f.poll(w, r, l, wait)
}

// wait returns how long a poll may wait. The client may ask for less than the configured time.
func (f *feed) wait(text string) (time.Duration, *Error) {
	if text == "" {
		return f.relay.cfg.Wait, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0) {
		return 0, &Error{Status: http.StatusBadRequest, Message: "wait must be a number of seconds, such as 10"}
	}
	return min(f.relay.cfg.Wait, time.Duration(min(seconds, 1e6)*float64(time.Second))), nil
}

// A polled is the response to a poll.
type polled struct {
	Events []polledEvent `json:"events"`
	Next   string        `json:"next"`
	Reset  *resetDelay   `json:"reset"`
}

// A resetDelay is a reset as clients see it.
type resetDelay struct {
	Delay int64 `json:"delay_ms"`
}

// poll answers as soon as there is an event.
func (f *feed) poll(w http.ResponseWriter, r *http.Request, l *listener, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	b := l.take()
	for over := wait == 0; b.empty() && !over; b = l.take() {
		select {
		case <-l.wake:
		case <-timer.C:
			over = true
		case <-r.Context().Done():
			return
		}
	}
	defer b.release()
	answer := polled{Events: []polledEvent{}, Next: b.id}
	for _, e := range b.events {
		answer.Events = append(answer.Events, e.entry())
	}
	if b.slow && b.reset < 0 {
		b.reset = rand.N(maxReturn)
	}
	if b.reset >= 0 {
		answer.Reset = &resetDelay{b.reset.Milliseconds()}
	}
	e, err := encodeResponse(f.server.cfg.Codec, answer)
	if err != nil {
		f.fail(w, r, newError(err, ""))
		return
	}
	h := hold{memory: &f.server.memory, cut: l.cut}
	defer h.release()
	if full := h.take(min(int64(len(e.body)), h.memory.limit/2)); full != nil {
		f.fail(w, r, full) // the client will ask again for the same events
		return
	}
	e.send(w, r)
}
