package rpc_test

import (
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// TestSoakManyStreams reads 50 streams at once, or 1,000 with GOMEKO_SOAK. All of them are
// complete. While nobody reads, they take no more memory than their windows, and in the end no
// goroutine and no queue is left.
func TestSoakManyStreams(t *testing.T) {
	streams := 50
	if os.Getenv("GOMEKO_SOAK") != "" {
		streams = 1000
	}
	brokertest.Managed(t, func(t *testing.T, uri, api string) {
		at := transport.Config{URI: uri}
		server := hosttest.Start(t, hosttest.Config{Broker: at, Service: service.Config{MaxWorkers: streams}},
			newCounter(), service.Configure(rpc.Config{StreamParts: 1}))
		caller := hosttest.Caller(t, at, rpc.Config{})
		client := caller.Client("counter")
		readAtOnce(t, client, streams) // the goroutines of workers remain for the next calls
		goroutines, queues := runtime.NumGoroutine(), brokertest.Queues(t, uri, api)
		readAtOnce(t, client, streams)
		hosttest.Eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines })
		if left := brokertest.Queues(t, uri, api); !slices.Equal(left, queues) {
			t.Errorf("got the queues %q, want %q as before", left, queues)
		}
		hosttest.Close(t, server.Stop)
		hosttest.Close(t, caller.Close)
		if left := brokertest.Queues(t, uri, api); !slices.Equal(left, []string{"rpc-counter"}) {
			t.Errorf("got the queues %q in the end, want that of the service", left)
		}
	})
}

// readAtOnce reads streams whose windows hold one part, an item of 100,000 bytes. No reader
// continues until all streams have begun.
func readAtOnce(t *testing.T, client rpc.Client, streams int) {
	t.Helper()
	const (
		size, items = 100_000, 20
		parts       = 10      // allowed for each stream, on both sides and in the broker, encoded and not
		besides     = 8 << 20 // for everything else
	)
	var begun, all sync.WaitGroup
	begun.Add(streams)
	read := make(chan struct{})
	before := heapInUse()
	for range streams {
		all.Go(func() {
			seen := 0
			for text, err := range rpc.Stream[string](t.Context(), client, "big", items) {
				if err != nil || len(text) != size {
					t.Errorf("item %d: got %d bytes, %v", seen, len(text), err)
					break
				}
				if seen++; seen == 1 {
					begun.Done()
					<-read
				}
			}
			if seen == 0 {
				begun.Done()
			}
			if seen != items {
				t.Errorf("got %d items, want %d", seen, items)
			}
		})
	}
	begun.Wait()
	got := heapInUse() - before
	close(read)
	all.Wait()
	if t.Logf("%d streams: %d bytes each", streams, got/int64(streams)); got > int64(streams)*parts*size+besides {
		t.Errorf("got %d bytes taken by %d streams, want at most %d by each", got, streams, parts*size)
	}
}

// heapInUse returns how many bytes are in use after a collection.
func heapInUse() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
