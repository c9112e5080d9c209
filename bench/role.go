package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/metrics"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"
)

const (
	roleVariable    = "GOMEKO_BENCH_ROLE"
	profileVariable = "GOMEKO_BENCH_PROFILE"
)

// A ready is the first line of a process.
type ready struct {
	URI string // where it listens, if it does
}

// An order is a line to a process. One for no callers asks how things are.
type order struct {
	Callers  int
	Size     int // of a request's body, in bytes
	Duration time.Duration
	// Awaited is how many messages the process is expected to handle. Until it has begun that many, it
	// does not count those that have settled, because counting would slow it down.
	Awaited int64
}

// A report is its answer.
type report struct {
	Calls    int
	Elapsed  time.Duration
	P50, P99 time.Duration
	Handled  int64  // messages, since the process began
	Allocs   uint64 // since the process began; 0 if it does not know
	Error    string
}

// A role is what a process does for its contestant. Its fields live as long as the process.
type role struct {
	uri     string
	call    func(ctx context.Context, text string) error // one call; nil: it only serves
	load    func(o order, l *latencies) report           // in place of call: many
	handled atomic.Int64
	settled func() int64 // in place of handled
}

// roles are all of them, by name.
func roles() map[string]func(ctx context.Context, r *role, args []string) error {
	return map[string]func(ctx context.Context, r *role, args []string) error{
		"broker":                 serveBroker,
		"gomeko service":         serveGomeko,
		"gomeko client":          callGomeko,
		"amqp091 service":        serveAMQP,
		"amqp091 client":         callAMQP,
		"floor service":          serveFloor,
		"floor client":           callFloor,
		"gomeko listener":        handleGomeko,
		"gomeko dispatcher":      dispatchGomeko,
		"amqp091 listener":       handleAMQP,
		"amqp091 dispatcher":     dispatchAMQP,
		"gomeko ladder":          ladderGomeko,
		"amqp091 ladder":         ladderAMQP,
		"ladder publisher":       publishLadder,
		"gomeko lateness":        lateGomeko,
		"amqp091 lateness":       lateAMQP,
		"nothing":                serveNothing,
		"gomeko jobs":            runJobs,
		"gomeko enqueuer":        enqueueJobs,
		"gomeko jobs start":      startJobs,
		"outbox":                 runOutbox,
		"outbox listener":        listenOutbox,
		"River jobs":             runRiver,
		"River enqueuer":         enqueueRiver,
		"River jobs start":       startRiver,
		"queues":                 serveQueues,
		"queues publisher":       publishQueues,
		"queue filler":           fillQueue,
		"queue drainer":          drainQueue,
		"gomeko web":             serveWeb,
		"http server":            serveHTTP,
		"gomeko backend":         serveBackend,
		"gomeko front":           getFront,
		"http client":            getHTTP,
		"gomeko holding service": serveHold,
		"gomeko waiting client":  callHold,
		"gomeko services":        serveMany,
		"gomeko services client": callMany,
		"nats server":            serveNATS,
		"nats micro service":     serveNATSMicro,
		"nats micro client":      callNATSMicro,
		"gomeko feed":            serveFeed,
		"gomeko reader":          readFeed,
		"grpc feed":              serveGRPCFeed,
		"grpc reader":            readGRPC,
		"grpc service":           serveGRPC,
		"grpc client":            callGRPC,
	}
}

// play is the main function of a process with a role: it carries out orders until there are none.
func play(name string) {
	ctx := context.Background()
	r := &role{}
	if err := roles()[name](ctx, r, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %s: %v\n", name, err)
		os.Exit(1)
	}
	out := json.NewEncoder(os.Stdout)
	must(out.Encode(ready{r.uri}))
	stop := profile(name)
	defer stop()
	l := newLatencies()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var o order
		must(json.Unmarshal(in.Bytes(), &o))
		var answer report
		switch {
		case o.Callers == 0:
		case r.load != nil:
			answer = r.load(o, l)
		default:
			answer = closedLoop(o, l, func(text string) error { return r.call(ctx, text) })
		}
		answer.Handled, answer.Allocs = r.handled.Load(), allocs()
		if r.settled != nil && answer.Handled >= o.Awaited {
			answer.Handled = r.settled()
		}
		must(out.Encode(answer))
	}
}

// profile writes the CPU profile of a process if it is wanted, until it is stopped.
func profile(name string) (stop func()) {
	dir := os.Getenv(profileVariable)
	if dir == "" {
		return func() {}
	}
	file := fmt.Sprintf("%s-%d.pprof", strings.NewReplacer(" ", "-", "/", "-").Replace(strings.Join(append([]string{name}, os.Args[min(2, len(os.Args)):]...), "-")), os.Getpid())
	f, err := os.Create(filepath.Join(dir, file))
	must(err)
	must(pprof.StartCPUProfile(f))
	return func() {
		pprof.StopCPUProfile()
		f.Close()
		g, err := os.Create(f.Name() + ".allocs")
		must(err)
		must(pprof.Lookup("allocs").WriteTo(g, 0))
		g.Close()
	}
}

// must ends a process that cannot do what it is for.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// allocs returns how many allocations this process has made.
func allocs() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
