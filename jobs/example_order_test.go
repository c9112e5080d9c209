package jobs_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Catalog has jobs that change the same data.
type Catalog struct {
	_ service.Name `service:"catalog"`

	Entrypoints struct {
		Update jobs.Job `jobs:"update(test_only=False)" resource:"products"`
		Prices jobs.Job `jobs:"prices" resource:"products" retry:"1m 10m" on_retry:"pass"`
		Sync   jobs.Job `jobs:"sync(tenant_id, full=False)" unique:"tenant_id" resource:"tenant:{tenant_id}"`
	}
}

func (*Catalog) Update(_ context.Context, testOnly bool) error { return nil }
func (*Catalog) Prices(_ context.Context) error                { return nil }

func (*Catalog) Sync(_ context.Context, tenantID int, full bool) (string, error) {
	return fmt.Sprintf("tenant %d, full: %t", tenantID, full), nil
}

// CatalogJobs is the client of Catalog.
type CatalogJobs struct {
	_ jobs.Client `jobs:"catalog"`

	Update func(ctx context.Context, o ...jobs.Option) (jobs.Ref[any], error)                             `jobs:"update()"`
	Sync   func(ctx context.Context, tenantID int, o ...jobs.Option) (jobs.Ref[string], error)            `jobs:"sync(tenant_id)"`
	Full   func(ctx context.Context, tenantID int, full bool, o ...jobs.Option) (jobs.Ref[string], error) `jobs:"sync(tenant_id, full)"`
}

// While a job with a unique key has not ended, no other one is enqueued.
func ExampleJob_unique() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "jobs-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	s, err := sqlite.Open(ctx, filepath.Join(dir, "jobs.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	b := broker.New(broker.Config{Logger: slog.New(slog.DiscardHandler)})
	defer b.Close(ctx)
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) }
	silent := transport.Config{URI: "amqp://embedded/", Dial: dial, Logger: slog.New(slog.DiscardHandler)}
	host, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, new(Catalog),
		service.Configure(silent), service.Configure(jobs.Config{Store: s}))
	if err != nil {
		log.Fatal(err)
	}
	if err := host.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer host.Stop(ctx)
	e, err := jobs.NewEnqueuer(ctx, nil, jobs.Config{Store: s})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close(ctx)
	catalog, err := jobs.Bind[CatalogJobs](e)
	if err != nil {
		log.Fatal(err)
	}

	first, err := catalog.Sync(ctx, 7, jobs.In(time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	again, err := catalog.Full(ctx, 7, true)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(again.ID() == first.ID())
	// Output: true
}
