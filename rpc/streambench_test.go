package rpc_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

// BenchmarkStream measures the throughput of streams of small and of large items.
func BenchmarkStream(b *testing.B) {
	for name, uri := range map[string]func(testing.TB) string{"embedded": brokertest.Embedded, "rabbitmq": brokertest.RabbitMQ} {
		b.Run(name, func(b *testing.B) {
			at := uri(b)
			hosttest.Start(b, hosttest.Config{Broker: transport.Config{URI: at}}, newCounter())
			client := hosttest.Caller(b, transport.Config{URI: at}, rpc.Config{}).Client("counter")
			b.Run("items", func(b *testing.B) {
				for _, err := range rpc.Stream[int](b.Context(), client, "count", b.N) {
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
			})
			b.Run("bytes", func(b *testing.B) {
				b.SetBytes(100_000)
				for _, err := range rpc.Stream[string](b.Context(), client, "big", b.N) {
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// streamMegabytes is the environment variable that tells the reader of TestSoakStreamMemory how
// much to read.
const streamMegabytes = "GOMEKO_TEST_STREAM_MB"

// TestSoakStreamMemory checks that a stream of any size takes little memory on both sides, even if
// its reader is slow. The stream has 60 MB, or 1 GB with GOMEKO_SOAK.
func TestSoakStreamMemory(t *testing.T) {
	if role := os.Getenv(victimRole); role == "slow" {
		count, _ := strconv.Atoi(os.Getenv(streamMegabytes))
		client := dial(t, os.Getenv(victimURI), rpc.Config{}, nil).Client("counter")
		n := 0
		for _, err := range rpc.Stream[string](t.Context(), client, "big", count*10) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n%10 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		fmt.Fprintf(os.Stderr, "read %d items\n", n)
		select {}
	}
	megabytes := "60"
	if os.Getenv("GOMEKO_SOAK") != "" {
		megabytes = "1000"
	}
	const most = 64 << 10 // kB
	brokertest.Each(t, func(t *testing.T, uri string) {
		producer := victim(t, uri, "produce")
		producer.Line("the victim is ready")
		cmd := exec.Command(os.Args[0], "-test.run=^TestSoakStreamMemory$")
		cmd.Env = append(os.Environ(), victimURI+"="+uri, victimRole+"=slow", streamMegabytes+"="+megabytes)
		reader := hosttest.StartProcess(t, cmd)
		began := time.Now()
		reader.Line("read " + megabytes + "0 items")
		for name, p := range map[string]*hosttest.Process{"producer": producer, "reader": reader} {
			peak := peakMemory(t, p.PID())
			if t.Logf("%s: at most %d kB, %s MB in %s", name, peak, megabytes, time.Since(began).Round(time.Millisecond)); peak > most {
				t.Errorf("the %s took up to %d kB, want at most %d", name, peak, most)
			}
		}
	})
}

var residentPeak = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakMemory returns the peak resident memory of a process, in kB.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("only Linux says how much memory a process has had: ", err)
	}
	m := residentPeak.FindStringSubmatch(string(status))
	if m == nil {
		t.Fatalf("no VmHWM in %s", strings.TrimSpace(string(status)))
	}
	kB, _ := strconv.Atoi(m[1])
	return kB
}
