package shop

import (
	"context"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/service"
)

// Module contains the application.
var Module = fx.Module("shop",
	service.Provide(new(Products)),
	service.Provide(new(Indexer)),
	service.Provide(new(Availability)),
	service.Provide(new(Images)),
	service.Provide(new(Feeds)),
	service.Provide(new(Panel)),
	fx.Provide(NewJournal),
)

// Products maintains the database of products.
type Products struct {
	_ service.Name `service:"products" allow:"shop/products"`

	Entrypoints struct {
		Import jobs.Job `jobs:"import_products(test_only=False)" resource:"products" allow:"import" confirm:"true"`
		Prices jobs.Job `jobs:"update_prices(test_only=False)" resource:"products" allow:"prices"`
	}

	Journal *Journal `inject:""`
}

// Import imports products.
func (p *Products) Import(ctx context.Context, testOnly bool) error {
	return p.Journal.Work(ctx, "products", "import", testOnly)
}

// Prices updates the prices of products.
func (p *Products) Prices(ctx context.Context, testOnly bool) error {
	return p.Journal.Work(ctx, "products", "prices", testOnly)
}

// Indexer maintains the search index. It builds the index from the products, which nobody may
// change meanwhile.
type Indexer struct {
	_ service.Name `service:"indexer" allow:"shop/products"`

	Entrypoints struct {
		Index jobs.Job `jobs:"index(test_only=False)" resource:"products" cron:"0 3 * * *" tz:"Europe/Madrid" overlap:"allow" allow:"index"`
	}

	Journal *Journal `inject:""`
}

// Index builds the index.
func (i *Indexer) Index(ctx context.Context, testOnly bool) error {
	return i.Journal.Work(ctx, "products", "index", testOnly)
}

// Availability maintains the stock levels.
type Availability struct {
	_ service.Name `service:"availability" allow:"shop/availability"`

	Entrypoints struct {
		Update jobs.Job `jobs:"update(test_only=False, send_email=False)" resource:"availability" done:"Tell" allow:"update"`
	}

	Journal *Journal `inject:""`
}

// Update updates the availability.
func (a *Availability) Update(ctx context.Context, testOnly, sendEmail bool) (Report, error) {
	return Report{SendEmail: sendEmail}, a.Journal.Work(ctx, "availability", "update", testOnly)
}

// A Report is the result of an update.
type Report struct {
	SendEmail bool `json:"send_email"`
}

// Tell sends the email. The email includes expected failures, such as wrong data, after which the
// team starts the job again.
func (a *Availability) Tell(_ context.Context, o jobs.Outcome) error {
	var r Report
	if err := o.Decode(&r); err != nil || !r.SendEmail {
		return nil //nolint:nilerr // a job that failed has no report
	}
	a.Journal.Note("email about " + o.Name)
	return nil
}

// Images maintains the bucket of product images.
type Images struct {
	_ service.Name `service:"images" allow:"shop/images"`

	Entrypoints struct {
		Upload jobs.Job `jobs:"upload(test_only=False)" resource:"S3_images" allow:"upload"`
	}

	Journal *Journal `inject:""`
}

// Upload uploads images.
func (i *Images) Upload(ctx context.Context, testOnly bool) error {
	return i.Journal.Work(ctx, "S3_images", "upload", testOnly)
}

// Feeds maintains the bucket of marketing feeds.
type Feeds struct {
	_ service.Name `service:"feeds" allow:"shop/feeds"`

	Entrypoints struct {
		Generate jobs.Job `jobs:"generate(test_only=False)" resource:"S3_feeds" allow:"generate"`
	}

	Journal *Journal `inject:""`
}

// Generate generates the marketing feeds.
func (f *Feeds) Generate(ctx context.Context, testOnly bool) error {
	return f.Journal.Work(ctx, "S3_feeds", "generate", testOnly)
}
