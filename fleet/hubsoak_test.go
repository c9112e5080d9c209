package fleet_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/web"
)

// soakURI and soakRole are environment variables of the child processes of TestSoakFeeds: the
// broker's URI, and what the process does.
const (
	soakURI  = "GOMEKO_TEST_SOAK_URI"
	soakRole = "GOMEKO_TEST_SOAK_ROLE"
)

// serveSoak is a child process: a board, or a publisher of the numbers that it reads.
func serveSoak(t *testing.T, uri string) {
	if os.Getenv(soakRole) == "board" {
		n := startNode(t, uri, web.Config{MaxWaiting: 10_000, NoAccessLog: true}, new(Board))
		fmt.Fprintln(os.Stderr, "ready at "+n.url)
		select {}
	}
	n := startNode(t, uri, web.Config{})
	fmt.Fprintln(os.Stderr, "ready at "+n.url)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		number, _ := strconv.Atoi(lines.Text())
		if err := n.hub.Broadcast(context.Background(), "news", "told", numbered{number, time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
}

// A soaked is a child process.
type soaked struct {
	*hosttest.Process
	url   string
	input io.Writer
}

func startSoaked(t *testing.T, uri, role string) *soaked {
	cmd := exec.Command(os.Args[0], "-test.run=^TestSoakFeeds$")
	cmd.Env = append(os.Environ(), soakURI+"="+uri, soakRole+"="+role)
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := hosttest.StartProcess(t, cmd)
	_, at, _ := strings.Cut(p.Line("ready at "), "ready at ")
	return &soaked{p, strings.TrimSpace(at), input}
}

// A balancer sends requests to the processes in turn. Like a proxy, it sends a failed request to
// the next one.
type balancer struct {
	http.Transport
	hosts []string
	turn  atomic.Int64
}

// RoundTrip implements [http.RoundTripper].
func (b *balancer) RoundTrip(r *http.Request) (response *http.Response, err error) {
	for range b.hosts {
		r.URL.Host = b.hosts[int(b.turn.Add(1))%len(b.hosts)]
		response, err = b.Transport.RoundTrip(r)
		if err == nil || r.Context().Err() != nil {
			break
		}
	}
	return response, err
}

// startProxy serves mux, and forwards requests for feeds to the processes. It returns its URL.
func startProxy(t *testing.T, mux *http.ServeMux, processes []*soaked) string {
	t.Helper()
	b := &balancer{Transport: http.Transport{MaxIdleConnsPerHost: 100}}
	for _, p := range processes {
		b.hosts = append(b.hosts, strings.TrimPrefix(p.url, "http://"))
	}
	p := &httputil.ReverseProxy{
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // the killed process
		Transport:     b,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: b.hosts[0]}) },
	}
	mux.HandleFunc("GET /feed", func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if e := recover(); e != nil && e != http.ErrAbortHandler {
				panic(e)
			}
			// If a stream breaks, the response ends and the client reconnects.
		}()
		p.ServeHTTP(w, r)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		b.CloseIdleConnections()
	})
	return s.URL
}

// memoryOf returns the resident memory of a process in MB.
func memoryOf(p *hosttest.Process) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return kb >> 10
		}
	}
	return 0
}

// TestSoakFeeds puts three processes behind a proxy. Polls and streams, 1,000 of each with
// GOMEKO_SOAK, and three browsers, each using both, listen to them. A fourth process sends 200
// events, during which one of the three is killed. No client misses an event without a reset.
func TestSoakFeeds(t *testing.T) {
	if uri := os.Getenv(soakURI); uri != "" {
		serveSoak(t, uri)
		return
	}
	s := soak{each: 20, browsers: 1, pause: 5 * time.Millisecond, chromium: hosttest.Chromium(t)}
	if os.Getenv("GOMEKO_SOAK") != "" {
		s = soak{each: 1000, browsers: 3, pause: 200 * time.Millisecond, chromium: s.chromium}
	}
	brokertest.Each(t, s.run)
}

// soakEvents is how many events TestSoakFeeds sends. A few more follow for clients that had a reset
// at the end.
const soakEvents = 200

// A soak holds the parameters of TestSoakFeeds.
type soak struct {
	each, browsers int
	pause          time.Duration // between two events
	chromium       string
}

func (s soak) run(t *testing.T, uri string) {
	publisher := startSoaked(t, uri, "publisher")
	var boards []*soaked
	for range 3 {
		boards = append(boards, startSoaked(t, uri, "board"))
	}
	mux := http.NewServeMux()
	reports := browse(mux, strconv.Itoa(soakEvents))
	front := startProxy(t, mux, boards)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: s.each}}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 2*hosttest.Timeout)
	defer cancel()

	times := &times{last: make([]time.Duration, soakEvents+1)}
	readers := make([]*reader, 2*s.each)
	var running, begun sync.WaitGroup
	for i := range readers {
		r := &reader{client: client, url: front, stream: i%2 == 0, listener: listener{times: times}}
		readers[i] = r
		begun.Add(1)
		once := sync.OnceFunc(begun.Done)
		running.Go(func() { r.run(ctx, soakEvents, once) })
	}
	begun.Wait()
	for range s.browsers {
		startBrowser(t, s.chromium, front)
	}
	for range 2 * s.browsers {
		if told := hosttest.Receive(t, "that a browser listens", reports); told.What != "begun" {
			t.Fatalf("got %+v", told)
		}
	}
	var browsers []listener
	running.Go(func() { browsers = s.browsed(ctx, t, reports, times) })
	ended := make(chan struct{})
	go func() {
		running.Wait()
		close(ended)
	}()
	s.publish(t, publisher, boards, ended)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Error("some clients have not heard the last event")
	}
	sums := [2]listener{}
	for _, r := range readers {
		sums[0].add(r.listener)
	}
	for _, l := range browsers {
		sums[1].add(l)
	}
	for i, what := range []string{"clients", "listeners in browsers"} {
		l, n := sums[i], []int{len(readers), len(browsers)}[i]
		t.Logf("%d %s: %d gaps without a reset, %d doubles, %d resets", n, what, l.Gaps, l.Doubles, l.Resets)
		if l.Gaps > 0 {
			t.Errorf("got %d gaps without a reset", l.Gaps)
		}
	}
	median, most := times.summary()
	t.Logf("time to the last listener: median of the events %s, longest %s", median.Round(time.Millisecond), most.Round(time.Millisecond))
}

// publish sends events until all clients have received the last one, and kills a board in between.
func (s soak) publish(t *testing.T, publisher *soaked, boards []*soaked, ended <-chan struct{}) {
	for n := 1; ; n++ {
		if n == soakEvents/2 {
			t.Logf("memory: boards %d, %d and %d MB, publisher %d MB",
				memoryOf(boards[0].Process), memoryOf(boards[1].Process), memoryOf(boards[2].Process), memoryOf(publisher.Process))
			boards[0].Kill()
		}
		if _, err := fmt.Fprintln(publisher.input, n); err != nil {
			t.Fatalf("the publisher has ended: %v", err)
		}
		pause := s.pause
		if n > soakEvents { // for clients that had a reset at the end
			pause = 100 * time.Millisecond
		}
		select {
		case <-ended:
			return
		case <-time.After(pause):
		}
	}
}

// browsed waits until the pages have received the last event.
func (s soak) browsed(ctx context.Context, t *testing.T, reports <-chan report, times *times) (all []listener) {
	for len(all) < 2*s.browsers {
		select {
		case told := <-reports:
			switch told.What {
			case "ended":
				times.add(told.Times)
				all = append(all, told.listener)
			case "closed":
				t.Errorf("the browser has given up: %+v", told)
			}
		case <-ctx.Done():
			return all
		}
	}
	return all
}

// add adds the counts of another listener.
func (l *listener) add(other listener) {
	l.Gaps += other.Gaps
	l.Doubles += other.Doubles
	l.Resets += other.Resets
}
