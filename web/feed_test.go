package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Radio has a feed for arbitrary channels.
type Radio struct {
	_ service.Name `service:"radio"`

	Entrypoints struct {
		Feed web.Feed         `web:"GET /feed"`
		Send web.Route        `web:"POST /send"`
		Tune web.SocketMethod `web:"tune(channel)"`
	}

	Hub web.Hub
}

// Feed lets a client listen to the channels of its query.
func (r *Radio) Feed(_ context.Context, request *http.Request) ([]string, error) {
	switch query := request.URL.Query(); {
	case query.Has("forbid"):
		return nil, web.Status(http.StatusForbidden, errors.New("not for you"))
	case query.Has("panic"):
		panic("oops")
	default:
		return query["channel"], nil
	}
}

// Send sends an event.
func (r *Radio) Send(ctx context.Context, e Sending) error {
	return r.Hub.Broadcast(ctx, e.Channel, e.Event, e.Data)
}

// Tune subscribes a socket.
func (r *Radio) Tune(_ context.Context, s *web.Socket, channel string) error {
	return r.Hub.Subscribe(s.ID, channel)
}

// A Sending is an event to send.
type Sending struct {
	Channel string `json:"channel"`
	Event   string `json:"event"`
	Data    any    `json:"data"`
}

// A radio is a process with a Radio.
type radio struct {
	*process
	t testing.TB
}

func startRadio(t testing.TB, cfg web.Config) *radio {
	return &radio{start(t, cfg, new(Radio)), t}
}

// send broadcasts an event.
func (r *radio) send(channel, event string, data any) {
	r.t.Helper()
	body, _ := json.Marshal(Sending{channel, event, data})
	response, err := r.client.Post(r.url+"/send", "application/json", strings.NewReader(string(body)))
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(response.Body)
		r.t.Fatalf("got %s: %s", response.Status, text)
	}
}

// request sends a request to the feed and returns the response. query is channel=a&….
func (r *radio) request(query string, header ...string) *http.Response {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+"/feed?"+query, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := r.client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { response.Body.Close() })
	return response
}

// A told is the response to a poll.
type told struct {
	Events []struct {
		Channel, Event string
		Data           any
	}
	Next  string
	Reset *struct {
		Delay int64 `json:"delay_ms"`
	}
}

// String returns "channel event data" for each event, and "reset".
func (h told) String() string {
	var all []string
	for _, e := range h.Events {
		all = append(all, fmt.Sprint(e.Channel, " ", e.Event, " ", e.Data))
	}
	if h.Reset != nil {
		all = append(all, "reset")
	}
	return strings.Join(all, ", ")
}

// poll polls the feed and returns the response.
func (r *radio) poll(query string) (h told) {
	r.t.Helper()
	response := r.request(query)
	if err := json.NewDecoder(response.Body).Decode(&h); err != nil || response.StatusCode != http.StatusOK || h.Next == "" || h.Events == nil {
		r.t.Fatalf("got %s %+v, %v", response.Status, h, err)
	}
	return h
}

// A stream is a client of Server-Sent Events.
type stream struct {
	t    testing.TB
	text *bufio.Scanner
	id   string // the latest one
}

func newStream(t testing.TB, from io.Reader) *stream {
	s := &stream{t: t, text: bufio.NewScanner(from)}
	s.text.Buffer(nil, 1<<20)
	return s
}

func (r *radio) stream(query string, header ...string) *stream {
	r.t.Helper()
	response := r.request(query, append(header, "Accept", "text/event-stream")...)
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" || response.StatusCode != http.StatusOK {
		r.t.Fatalf("got %s %s", response.Status, got)
	}
	s := newStream(r.t, response.Body)
	s.block() // the first one contains the id
	return s
}

// block returns the lines of the next block, without id and retry.
func (s *stream) block() (lines []string) {
	s.t.Helper()
	for s.text.Scan() {
		line := s.text.Text()
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			s.id = id
		} else if line == "" {
			return lines
		} else if !strings.HasPrefix(line, "retry: ") {
			lines = append(lines, line)
		}
	}
	s.t.Fatalf("the stream has ended: %v", s.text.Err())
	return nil
}

// expect reads blocks and compares them.
func (s *stream) expect(want ...string) {
	s.t.Helper()
	for _, w := range want {
		if got := strings.Join(s.block(), "|"); got != w {
			s.t.Fatalf("got %s, want %s", got, w)
		}
	}
}

// TestFeed tests each kind of client on a channel, and clients that return.
func TestFeed(t *testing.T) {
	t.Parallel()
	r := startRadio(t, web.Config{})
	first := r.poll("channel=a&wait=0")
	s, both := r.stream("channel=a"), r.stream("channel=a&channel=b")
	socket := r.socket(t)
	ask(t, socket, asking("tune", `"channel": "a"`, "1"))
	begin := s.id
	r.send("a", "told", 1)
	r.send("b", "told", "two")
	r.send("c", "told", 3)
	r.send("a", "", map[string]int{"n": 4})
	s.expect(`event: told|data: 1`, `data: {"n":4}`)
	both.expect(`event: told|data: 1`, `event: told|data: "two"`, `data: {"n":4}`)
	if got := string(readFrame(t, socket)); got != `{"type": "event", "event": "told", "data": 1}` {
		t.Errorf("got %s", got)
	}
	if got := r.poll("channel=a&next=" + first.Next); got.String() != "a told 1, a  map[n:4]" || got.Next == first.Next {
		t.Errorf("got %s", got)
	}
	// A stream that returns gets the events that it has missed on the channels that it may listen
	// to now.
	r.stream2("channel=a", begin).expect(`event: told|data: 1`, `data: {"n":4}`)
	r.stream2("channel=a&channel=b", begin).expect(`event: told|data: 1`, `data: {"n":4}`) // b is new
	r.stream2("channel=b", both.id).expect("")
	if got := r.poll("channel=a&wait=0&next=" + s.id); got.String() != "" {
		t.Errorf("got %s, want nothing", got)
	}
	for _, bad := range []string{"-", "x", "AQ", strings.Repeat("A", 5000), s.id + "A", url.QueryEscape("=\n")} {
		got := r.poll("channel=a&next=" + bad)
		if got.String() != "reset" || got.Reset.Delay < 0 || got.Reset.Delay > 5000 {
			t.Errorf("%.20s: got %s, want a reset within 5 s", bad, got)
		}
	}
}

// stream2 returns to a stream with an id.
func (r *radio) stream2(query, id string) *stream {
	r.t.Helper()
	response := r.request(query, "Last-Event-ID", id, "Accept", "text/event-stream")
	return newStream(r.t, response.Body)
}

// TestFeedRefused tests clients that may not listen.
func TestFeedRefused(t *testing.T) {
	t.Parallel()
	r := startRadio(t, web.Config{Feeds: web.Feeds{MaxChannels: 3, Max: 2}})
	for query, want := range map[string]int{
		"forbid": 403, "": 403, "panic": 500,
		"channel=a&channel=b&channel=c&channel=d":        403,
		"channel=" + strings.Repeat("x", 1025):           400,
		"channel=a&wait=-1":                              400,
		"channel=a&wait=soon":                            400,
		"channel=a&channel=a&channel=b&channel=c&wait=0": 200,
	} {
		if response := r.request(query); response.StatusCode != want {
			t.Errorf("%.40s: got %s, want %d", query, response.Status, want)
		}
	}
	r.stream("channel=a")
	r.stream("channel=a")
	if response := r.request("channel=a&wait=0"); response.StatusCode != 503 || response.Header.Get("Retry-After") == "" {
		t.Errorf("a third client: got %s, want 503", response.Status)
	}
	response, err := r.client.Head(r.url + "/feed?channel=a")
	if err != nil || response.StatusCode != 503 {
		t.Errorf("HEAD: got %v, %v", response, err)
	}
}

// TestFeedWindow tests clients that return after the window has moved on.
func TestFeedWindow(t *testing.T) {
	t.Parallel()
	r := startRadio(t, web.Config{Feeds: web.Feeds{Window: 10}})
	first := r.poll("channel=a&wait=0")
	for i := range 9 {
		r.send("a", "told", i)
	}
	tenth := r.poll("channel=a&wait=0&next=" + first.Next)
	if n := len(tenth.Events); n != 9 || tenth.Reset != nil {
		t.Errorf("got %s, want nine events", tenth)
	}
	for i := range 5 {
		r.send("a", "told", 9+i)
	}
	if got := r.poll("channel=a&wait=0&next=" + first.Next); got.String() != "reset" {
		t.Errorf("got %s, want a reset", got)
	}
	if got := r.poll("channel=a&wait=0&next=" + tenth.Next); len(got.Events) != 5 || got.Reset != nil {
		t.Errorf("got %s, want five events", got)
	}
	// The size of all windows together is limited, too.
	r = startRadio(t, web.Config{Feeds: web.Feeds{WindowBytes: 10_000}})
	first = r.poll("channel=a&wait=0")
	other := r.poll("channel=b&wait=0")
	r.send("a", "told", "x")
	for range 10 {
		r.send("b", "told", strings.Repeat("x", 2000))
	}
	if got := r.poll("channel=a&wait=0&next=" + first.Next); got.String() != "reset" {
		t.Errorf("got %s, want a reset", got)
	}
	if got := r.poll("channel=b&wait=0&next=" + other.Next); got.String() != "reset" {
		t.Errorf("got %s, want a reset", got)
	}
}

// TestFeedRestart tests a client that returns to a restarted process.
func TestFeedRestart(t *testing.T) {
	t.Parallel()
	before := startRadio(t, web.Config{}).poll("channel=a&wait=0")
	if got := startRadio(t, web.Config{}).poll("channel=a&next=" + before.Next); got.String() != "reset" {
		t.Errorf("got %s, want a reset", got)
	}
}

// TestFeedDrain stops a process: its clients get an answer, and further ones are refused.
func TestFeedDrain(t *testing.T) {
	t.Parallel()
	r := startRadio(t, web.Config{})
	s := r.stream("channel=a")
	polled := make(chan told)
	go func() { polled <- r.poll("channel=a") }()
	hosttest.Eventually(t, "two have listened", func() bool { return len(r.Log.Lines("method=feed")) == 2 })
	began := time.Now()
	hosttest.Close(t, r.Stop)
	if got := hosttest.Receive(t, "the answer", polled); got.String() != "" {
		t.Errorf("got %s, want no events", got)
	}
	if s.text.Scan() {
		t.Errorf("got %q, want the end of the stream", s.text.Text())
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the stop took %s", took)
	}
}

// TestFeedKill kills a process with clients.
func TestFeedKill(t *testing.T) {
	t.Parallel()
	r := startRadio(t, web.Config{})
	s := r.stream("channel=a")
	r.Kill()
	for s.text.Scan() {
	}
}

// TestFeedCurl listens with curl.
func TestFeedCurl(t *testing.T) {
	t.Parallel()
	curl, err := exec.LookPath("curl")
	if err != nil {
		hosttest.Missing(t, "curl is not installed: run scripts/setup")
	}
	r := startRadio(t, web.Config{})
	cmd := exec.CommandContext(t.Context(), curl, "-sN", "-H", "Accept: text/event-stream", r.url+"/feed?channel=a")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := newStream(t, out)
	s.block()
	r.send("a", "told", "rain")
	s.expect(`event: told|data: "rain"`)
	cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	text, err := exec.CommandContext(t.Context(), curl, "-s", r.url+"/feed?channel=a&next="+s.id+"&wait=0").Output()
	if err != nil || !strings.HasPrefix(string(text), `{"events":[],"next":"`) || !strings.HasSuffix(string(text), `","reset":null}`) {
		t.Errorf("got %s, %v", text, err)
	}
}

// TestFeedMistakes has rows that cannot be feeds.
func TestFeedMistakes(t *testing.T) {
	t.Parallel()
	_, err := hosttest.New(t, hosttest.Config{}, new(BadFeeds))
	if err == nil {
		t.Fatal("got no error")
	}
	var lines []string
	for line := range strings.Lines(err.Error()) {
		lines = append(lines, strings.TrimSpace(line))
	}
	want := []string{
		`service bad: Post: the pattern "POST /a" must be for GET: write web:"GET /a"`,
		`service bad: Text: Text must return the channels that the client may listen to: write Text(ctx context.Context, …) ([]string, error)`,
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
}

// BadFeeds has mistakes.
type BadFeeds struct {
	_ service.Name `service:"bad"`

	Entrypoints struct {
		Post web.Feed `web:"POST /a"`
		Text web.Feed `web:"GET /b"`
	}
}

func (*BadFeeds) Post(context.Context) ([]string, error) { return nil, nil }
func (*BadFeeds) Text(context.Context) (string, error)   { return "", nil }
