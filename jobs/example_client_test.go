package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Printer prints pages, one job each.
type Printer struct {
	_ service.Name `service:"printer"`

	Entrypoints struct {
		Print jobs.Job `jobs:"print(pages)" done:"Printed"`
	}

	ended chan string
}

func (*Printer) Print(_ context.Context, pages int) (string, error) {
	if pages > 100 {
		return "", rpc.NewError("printer.Jam", "too many pages")
	}
	return fmt.Sprint(pages, " pages on paper"), nil
}

// Printed is called once for each job, when it has ended.
func (p *Printer) Printed(_ context.Context, o jobs.Outcome) error {
	var failed *jobs.Error
	if errors.As(o.Err, &failed) {
		p.ended <- fmt.Sprintf("%s %s: %s: %s", o.Name, o.State, failed.Type, failed.Text)
		return nil
	}
	var result string
	if err := o.Decode(&result); err != nil {
		return err
	}
	p.ended <- fmt.Sprintf("%s %s: %s", o.Name, o.State, result)
	return nil
}

// PrinterJobs is a typed client of Printer.
type PrinterJobs struct {
	_ jobs.Client `jobs:"printer"`

	Print func(ctx context.Context, pages int, o ...jobs.Option) (jobs.Ref[string], error) `jobs:"print(pages)"`
}

// startPrinter hosts Printer with a broker and a store, and returns an Enqueuer for them.
func startPrinter(ctx context.Context) (e *jobs.Enqueuer, ended <-chan string, stop func()) {
	dir, err := os.MkdirTemp("", "printer-")
	check(err)
	quiet := slog.New(slog.DiscardHandler)
	b := broker.New(broker.Config{Logger: quiet})
	at := transport.Config{URI: "amqp://", Dial: func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) }, Logger: quiet}
	s, err := sqlite.Open(ctx, filepath.Join(dir, "jobs.db"))
	check(err)
	_, _, err = s.Migrate(ctx)
	check(err)
	cfg := jobs.Config{Store: s}
	printer := &Printer{ended: make(chan string, 10)}
	c, err := service.New(service.Config{Logger: quiet}, printer, service.Configure(at), service.Configure(cfg))
	check(err)
	check(c.Start(ctx))
	conn, err := transport.Dial(ctx, at)
	check(err)
	e, err = jobs.NewEnqueuer(ctx, conn, cfg)
	check(err)
	return e, printer.ended, func() {
		check(e.Close(ctx))
		check(conn.Close(ctx))
		check(c.Stop(ctx))
		check(s.Close())
		check(b.Close(ctx))
		check(os.RemoveAll(dir))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A Client enqueues any job of a service by its name. A typed client knows the parameters.
func ExampleClient() {
	ctx := context.Background()
	e, _, stop := startPrinter(ctx)
	defer stop()
	ref, err := e.Client("printer").Enqueue(ctx, "print", 3)
	check(err)
	result, err := ref.Wait(ctx)
	fmt.Println(string(result), err)
	// Output: "3 pages on paper" <nil>
}

// A Ref is returned by a typed client. It waits for the result, and returns the state of the job.
func ExampleRef() {
	ctx := context.Background()
	e, _, stop := startPrinter(ctx)
	defer stop()
	printer, err := jobs.Bind[PrinterJobs](e)
	check(err)
	ref, err := printer.Print(ctx, 12, jobs.ID("invoice-17"))
	check(err)
	result, err := ref.Wait(ctx)
	fmt.Println(ref.ID(), result, err)
	status, err := ref.Status(ctx)
	fmt.Println(status.State, status.Attempt, err)
	// Output:
	// invoice-17 12 pages on paper <nil>
	// succeeded 1 <nil>
}

// A page that holds only the id of a job finds the job again, in any process with the store.
func ExampleFind() {
	ctx := context.Background()
	e, _, stop := startPrinter(ctx)
	defer stop()
	printer, err := jobs.Bind[PrinterJobs](e)
	check(err)
	ref, err := printer.Print(ctx, 7)
	check(err)
	again, err := jobs.Find[string](ctx, e.Client("printer"), ref.ID())
	check(err)
	result, err := again.Wait(ctx)
	fmt.Println(result, err)
	_, err = jobs.Find[string](ctx, e.Client("printer"), "lost")
	fmt.Println(err)
	// Output:
	// 7 pages on paper <nil>
	// job lost of service printer: no such job
}

// The done hook of a row gets the Outcome of each job.
func ExampleOutcome() {
	ctx := context.Background()
	e, ended, stop := startPrinter(ctx)
	defer stop()
	for _, pages := range []int{3, 500} {
		_, err := e.Client("printer").Enqueue(ctx, "print", pages)
		check(err)
		fmt.Println(<-ended)
	}
	// Output:
	// print succeeded: 3 pages on paper
	// print failed: printer.Jam: too many pages
}
