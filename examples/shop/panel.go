package shop

import (
	"context"
	"net/http"

	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Panel is the control panel. It enqueues jobs, and has no access to the servers that run them.
type Panel struct {
	_ service.Name `service:"panel"`

	Entrypoints struct {
		Import       web.Route `web:"POST /products/import"`
		Prices       web.Route `web:"POST /products/prices"`
		Index        web.Route `web:"POST /products/index"`
		Availability web.Route `web:"POST /availability/update"`
		Upload       web.Route `web:"POST /images/upload"`
		Feeds        web.Route `web:"POST /feeds/generate"`
	}

	Products jobs.Client `jobs:"products"`
	Indexer  jobs.Client `jobs:"indexer"`
	Stock    StockJobs
	Images   jobs.Client `jobs:"images"`
	Market   jobs.Client `jobs:"feeds"`
}

// StockJobs is a client of the jobs of [Availability].
type StockJobs struct {
	_ jobs.Client `jobs:"availability"`

	Update func(ctx context.Context, testOnly, sendEmail bool, o ...jobs.Option) (jobs.Ref[Report], error) `jobs:"update(test_only, send_email)"`
}

// Options are the parameters of a request.
type Options struct {
	TestOnly  bool `json:"test_only" query:"test_only" default:"False"`
	SendEmail bool `json:"send_email" query:"send_email" default:"False"`
}

// Import enqueues an import of products.
func (p *Panel) Import(ctx context.Context, o Options) (web.Response, error) {
	return enqueued(p.Products.Enqueue(ctx, "import_products", o.TestOnly))
}

// Prices enqueues an update of the prices.
func (p *Panel) Prices(ctx context.Context, o Options) (web.Response, error) {
	return enqueued(p.Products.Enqueue(ctx, "update_prices", o.TestOnly))
}

// Index enqueues a job that makes the index.
func (p *Panel) Index(ctx context.Context, o Options) (web.Response, error) {
	return enqueued(p.Indexer.Enqueue(ctx, "index", o.TestOnly))
}

// Availability enqueues an update of the availability.
func (p *Panel) Availability(ctx context.Context, o Options) (web.Response, error) {
	return enqueued(p.Stock.Update(ctx, o.TestOnly, o.SendEmail))
}

// Upload enqueues an upload of images.
func (p *Panel) Upload(ctx context.Context, o Options) (web.Response, error) {
	return enqueued(p.Images.Enqueue(ctx, "upload", o.TestOnly))
}

// Feeds enqueues a job that generates the marketing feeds.
func (p *Panel) Feeds(ctx context.Context, o Options) (web.Response, error) {
	return enqueued(p.Market.Enqueue(ctx, "generate", o.TestOnly))
}

// enqueued responds with the ID of a job.
func enqueued[T any](ref jobs.Ref[T], err error) (web.Response, error) {
	if err != nil {
		return web.Response{}, err
	}
	return web.Response{Status: http.StatusAccepted, Body: map[string]string{"id": ref.ID()}}, nil
}
