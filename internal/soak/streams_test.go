package soak_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Numbers yields numbers.
type Numbers struct {
	_ service.Name `service:"numbers"`

	Entrypoints struct {
		Count rpc.Method `rpc:"count(n)"`
		Drip  rpc.Method `rpc:"drip(n, milliseconds)"`
	}
}

// Drip yields numbers slowly.
func (*Numbers) Drip(ctx context.Context, n, milliseconds int) (iter.Seq2[int, error], error) {
	return func(yield func(int, error) bool) {
		for i := range n {
			select {
			case <-time.After(time.Duration(milliseconds) * time.Millisecond):
			case <-ctx.Done():
				yield(0, ctx.Err())
				return
			}
			if !yield(i, nil) {
				return
			}
		}
	}, nil
}

func (*Numbers) Count(_ context.Context, n int) (iter.Seq2[int, error], error) {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
	}, nil
}

// A stream that takes longer than RabbitMQ's consumer_timeout is complete.
func TestSoakLongStream(t *testing.T) {
	limit, items := time.Second, 30
	if whole() {
		limit, items = time.Minute, 1500
	}
	node := brokertest.StartNode(t, fmt.Sprintf("{consumer_timeout, %d}", limit.Milliseconds()), "{channel_tick_interval, 500}")
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: node.URI()}}, new(Numbers))
	client := hosttest.Caller(t, transport.Config{URI: node.URI()}, rpc.Config{}).Client("numbers")
	refused := hold(t, node.URI())
	seen := 0
	for n, err := range rpc.Stream[int](t.Context(), client, "drip", items, 100) {
		if err != nil || n != seen {
			t.Fatalf("got %d, %v, want item %d", n, err, seen)
		}
		seen++
	}
	if seen != items {
		t.Errorf("got %d items, want %d", seen, items)
	}
	if got := hosttest.Receive(t, "the broker closes a consumer that waits", refused); got == nil || got.Code != 406 {
		t.Errorf("got %v, want that RabbitMQ ends a consumer after %s", got, limit)
	}
}

const killReader = "a reader is killed"

// TestSoakStreams has two processes read streams that two others produce, while readers, producers
// and the broker are killed. Each stream must be complete or end with an error; none may be
// truncated or hang. Afterwards streams must be complete again, and nothing of the earlier ones may
// be left.
func TestSoakStreams(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		b := startBroker(t)
		killStreams(t, b, 10)
		b.stop()
	})
	t.Run("rabbitmq", func(t *testing.T) { killStreams(t, rabbitMQ{brokertest.StartNode(t)}, 3) })
}

// A mortal is a broker that can be killed and started again.
type mortal interface {
	URI() string
	Kill()
	Start()

	queues() string // the names of the queues, and what else the broker knows about them
}

// killStreams kills the broker brokers times, or once in a short test.
func killStreams(t *testing.T, b mortal, brokers int) {
	total, kills := 1000, 20
	if !whole() {
		total, kills, brokers = 60, 2, 1
	}
	chance := chance(t)
	nobody := func(line string) { t.Errorf("a process reported %q", line) }
	producers := []*process{start(t, "numbers", b.URI(), nobody), start(t, "numbers", b.URI(), nobody)}
	readers := []*reader{startReader(t, b.URI()), startReader(t, b.URI())}
	for _, p := range []*process{producers[0], producers[1], readers[0].process, readers[1].process} {
		p.wait()
	}
	began := time.Now()
	s := startStreams(readers, total, chance)
	happenings := slices.Concat(slices.Repeat([]string{killProcess, killReader}, kills), slices.Repeat([]string{killBroker}, brokers))
	ended := 0
	for _, h := range schedule(chance, total, happenings...) {
		for ; ended < h.at; ended++ {
			hosttest.Receive(t, "the end of a stream", s.ended)
		}
		t.Logf("%.1f s: %d streams have ended: %s", time.Since(began).Seconds(), ended, h.what)
		switch h.what {
		case killReader:
			readers[chance.IntN(2)].replace()
		case killProcess:
			p := producers[chance.IntN(2)]
			p.kill()
			p.start()
		case killBroker:
			b.Kill()
			b.Start()
		}
	}
	s.wg.Wait()
	t.Logf("%.1f s: streams by outcome: %v", time.Since(began).Seconds(), s.outcomes)
	s.check(t)
	hosttest.Eventually(t, "a stream is whole again", func() bool {
		return readers[0].read(total, 1000) == "whole" && readers[1].read(total+1, 1000) == "whole"
	})
	all := []*process{readers[0].process, readers[1].process, producers[0], producers[1]}
	if !whole() { // a producer takes 15 seconds to notice that its reader was killed
		for _, p := range all {
			p.kill()
		}
		return
	}
	for _, p := range all {
		p.wait()
		p.stop()
	}
	// The queue of a producer that was killed while the broker was down stays for a minute, and the
	// reply queues of killed readers stay for five.
	var queues string
	if !hosttest.Poll(func() (bool, bool) {
		queues = b.queues()
		none := !strings.Contains(queues, "stream")
		return none, none
	}) {
		t.Errorf("got the queues\n%s\nwant none of streams", queues)
	}
}

// streams are the streams of a test and their outcomes.
type streams struct {
	ended chan int
	wg    sync.WaitGroup

	mu       sync.Mutex
	outcomes map[string]int
}

// startStreams reads streams of random lengths, eight at a time in each reader.
func startStreams(readers []*reader, total int, chance *rand.Rand) *streams {
	s := &streams{ended: make(chan int, total), outcomes: map[string]int{}}
	counts := make([]int, total)
	for i := range counts {
		counts[i] = chance.IntN(20_000)
	}
	var next atomic.Int64
	for i := range 8 * len(readers) {
		s.wg.Go(func() {
			for n := int(next.Add(1)) - 1; n < total; n = int(next.Add(1)) - 1 {
				outcome := readers[i%len(readers)].read(n, counts[n])
				s.mu.Lock()
				s.outcomes[outcome]++
				s.mu.Unlock()
				s.ended <- n
			}
		})
	}
	return s
}

// check fails the test if there are unacceptable outcomes.
func (s *streams) check(t *testing.T) {
	t.Helper()
	for outcome, n := range s.outcomes {
		switch kind, _, _ := strings.Cut(outcome, ": "); kind {
		case "whole", "killed", "error":
		default:
			t.Errorf("got %d streams that were %s", n, outcome)
		}
	}
	if s.outcomes["whole"] == 0 {
		t.Error("no stream was whole")
	}
}

// A reader is a process that reads streams. It may be killed and restarted.
type reader struct {
	*process
	alive sync.Mutex // held while the process is replaced, and while its input is written

	mu      sync.Mutex
	reading map[int]chan<- string // receive the outcomes of streams, by number
}

func startReader(t *testing.T, uri string) *reader {
	t.Helper()
	r := &reader{reading: map[int]chan<- string{}}
	r.process = start(t, "reader", uri, r.tell)
	return r
}

// read has the process read a stream of count items, and returns the outcome.
func (r *reader) read(n, count int) (outcome string) {
	ended := make(chan string, 1)
	r.alive.Lock()
	r.mu.Lock()
	r.reading[n] = ended
	r.mu.Unlock()
	_, err := fmt.Fprintln(r.stdin, n, count)
	r.alive.Unlock()
	if err != nil {
		return err.Error()
	}
	select {
	case outcome := <-ended:
		return outcome
	case <-time.After(hosttest.Timeout):
		return "hung"
	}
}

// tell handles the outcome of a stream.
func (r *reader) tell(line string) {
	number, outcome, _ := strings.Cut(line, " ")
	n, err := strconv.Atoi(number)
	r.mu.Lock()
	defer r.mu.Unlock()
	ended := r.reading[n]
	if delete(r.reading, n); err != nil || ended == nil {
		r.t.Errorf("a reader reported %q", line)
		return
	}
	ended <- outcome
}

// replace kills the process and starts a new one.
func (r *reader) replace() {
	r.alive.Lock()
	defer r.alive.Unlock()
	r.kill()
	r.mu.Lock()
	for n, ended := range r.reading {
		ended <- "killed"
		delete(r.reading, n)
	}
	r.mu.Unlock()
	r.start()
}

// readStreams is the program of a reader. Each line of its standard input contains the number of a
// stream and its number of items. It reads the stream and reports the outcome.
func readStreams() (status int) {
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	caller, hangUp := dialAgain(ctx, os.Getenv("GOMEKO_SOAK_URI"), log)
	fmt.Println(readyLine)
	var all sync.WaitGroup
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var n, count int
		if _, err := fmt.Sscan(lines.Text(), &n, &count); err != nil {
			log.Error("bad line", "err", err)
			return 1
		}
		all.Go(func() { fmt.Printf("%d %s\n", n, readStream(ctx, caller.Client("numbers"), count)) })
	}
	all.Wait()
	if err := errors.Join(hangUp(), goleak.Find()); err != nil {
		log.Error("stop", "err", err)
		return 1
	}
	return 0
}

// readStream reads a stream of count items and returns the outcome.
func readStream(ctx context.Context, numbers rpc.Client, count int) (outcome string) {
	seen := 0
	for n, err := range rpc.Stream[int](ctx, numbers, "count", count) {
		switch {
		case err != nil:
			for _, one := range []error{rpc.ErrConnectionLost, rpc.ErrReaderGone, rpc.ErrTimeout, rpc.ErrUnknownService} {
				if errors.Is(err, one) {
					return "error: " + one.Error()
				}
			}
			return "another error: " + strconv.Quote(err.Error())
		case n != seen:
			return fmt.Sprintf("wrong: item %d instead of %d", n, seen)
		}
		seen++
	}
	if seen != count {
		return fmt.Sprintf("short: %d of %d items", seen, count)
	}
	return "whole"
}

// dialAgain dials until the broker is available. The caller's calls have a limit of ten seconds.
func dialAgain(ctx context.Context, uri string, log *slog.Logger) (caller *rpc.Caller, hangUp func() error) {
	for {
		conn, err := transport.Dial(ctx, transport.Config{URI: uri, Logger: log})
		if err == nil {
			if caller, err = rpc.NewCaller(ctx, conn, rpc.Config{Timeout: 10 * time.Second}); err == nil {
				return caller, func() error {
					ctx, cancel := context.WithTimeout(ctx, hosttest.Timeout)
					defer cancel()
					return errors.Join(caller.Close(ctx), conn.Close(ctx))
				}
			}
			_ = conn.Close(ctx)
		}
		log.Warn("trying again", "err", err)
		time.Sleep(100 * time.Millisecond)
	}
}

// rabbitMQ is a mortal that runs RabbitMQ.
type rabbitMQ struct{ *brokertest.Node }

func (r rabbitMQ) queues() string { return queues(r.Node) }

// An embeddedBroker is an embedded broker in its own process, at a fixed address.
type embeddedBroker struct {
	t *testing.T
	*process
	address, management string
}

func startBroker(t *testing.T) *embeddedBroker {
	t.Helper()
	b := &embeddedBroker{t: t, address: hosttest.FreeAddress(t), management: hosttest.FreeAddress(t)}
	b.process = start(t, "broker", b.address+" "+b.management, func(line string) { t.Errorf("the broker reported %q", line) })
	b.wait()
	return b
}

func (b *embeddedBroker) URI() string { return "amqp://guest:guest@" + b.address + "/" }
func (b *embeddedBroker) Kill()       { b.kill() }

func (b *embeddedBroker) Start() {
	b.t.Helper()
	b.start()
	b.wait()
}

func (b *embeddedBroker) queues() string {
	b.t.Helper()
	return strings.Join(brokertest.Queues(b.t, b.URI(), "http://guest:guest@"+b.management), "\n")
}

// serveBroker is the program of an embedded broker.
func serveBroker() (status int) {
	b := broker.New(broker.Config{Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	address, management, _ := strings.Cut(os.Getenv("GOMEKO_SOAK_URI"), " ")
	_, err := b.Listen(address)
	if err == nil {
		_, err = b.ListenManagement(management)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(readyLine)
	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), hosttest.Timeout)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
