//go:build unix

package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Stock returns a product, and stores one.
type Stock struct {
	_ service.Name `service:"stock"`

	Entrypoints struct {
		Get web.Route `web:"GET /products/{id}"`
		Put web.Route `web:"POST /products"`
	}
}

// A Product is a JSON value of ordinary size.
type Product struct {
	ID    int      `json:"id"`
	Name  string   `json:"name"`
	Price float64  `json:"price"`
	Tags  []string `json:"tags"`
}

func product(id int) Product {
	return Product{ID: id, Name: "tea", Price: 2.5, Tags: []string{"hot", "green"}}
}

func (*Stock) Get(_ context.Context, id int) (Product, error)    { return product(id), nil }
func (*Stock) Put(_ context.Context, p Product) (Product, error) { return p, nil }

// bare is the same service in plain net/http.
func bare() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /products/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.Atoi(r.PathValue("id"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		answerJSON(w, product(id))
	})
	mux.HandleFunc("POST /products", func(w http.ResponseWriter, r *http.Request) {
		var p Product
		data, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(data, &p)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answerJSON(w, p)
	})
	return mux
}

func answerJSON(w http.ResponseWriter, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text)
}

// BenchmarkRoute compares a route with plain net/http, over TCP, with eight clients per processor.
func BenchmarkRoute(b *testing.B) {
	quiet := service.Config{Logger: slog.New(slog.DiscardHandler)}
	p := startConfigured(b, quiet, web.Config{NoAccessLog: true}, new(Stock))
	alone := httptest.NewServer(bare())
	defer alone.Close()
	for _, c := range []struct{ name, url string }{{"gomeko", p.url}, {"nethttp", alone.URL}} {
		b.Run("GET/"+c.name, func(b *testing.B) {
			load(b, "GET /products/7 HTTP/1.1\r\nHost: x\r\n\r\n", c.url)
		})
		b.Run("POST/"+c.name, func(b *testing.B) {
			body := `{"id":7,"name":"tea","price":2.5,"tags":["hot","green"]}`
			load(b, "POST /products HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body, c.url)
		})
	}
}

// load sends a request repeatedly, each time after the response to the previous one. It uses little
// CPU itself.
func load(b *testing.B, request, address string) {
	u, err := url.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(8)
	before := cpu(b)
	defer func() { b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op") }()
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		var answer [4096]byte
		for pb.Next() {
			if _, err := io.WriteString(conn, request); err != nil {
				b.Error(err)
				return
			}
			n, err := conn.Read(answer[:]) // one packet holds the whole response
			if err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 200 OK")) || answer[n-1] != '}' {
				b.Errorf("got %q, %v", answer[:n], err)
				return
			}
		}
	})
}

// cpu returns the CPU time of this process. On a shared machine it is more reliable than elapsed
// time.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
