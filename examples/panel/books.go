package panel

import (
	"context"
	"fmt"

	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Books keeps the books of the shop.
type Books struct {
	_ service.Name `service:"books" allow:"shop/books"`

	Entrypoints struct {
		Sales  rpc.Method `rpc:"sales(period)" allow:"sales"`
		Refund jobs.Job   `jobs:"refund" allow:"refund" confirm:"true"`
	}
}

// Docs returns the titles and texts of the rows.
func (*Books) Docs() service.Docs {
	return service.Docs{Text: "The books of the shop.", Rows: map[string]service.RowDocs{
		"Sales":  {Title: "What was sold", Text: "A table of a quarter."},
		"Refund": {Title: "Refund", Text: "Sends the money of an order back."},
	}}
}

// A Period is a quarter of a year.
type Period struct {
	Year    int    `json:"year" min:"2020" max:"2030"`
	Quarter string `json:"quarter" enum:"Q1,Q2,Q3,Q4"`
}

// A Sale is a row of the table.
type Sale struct {
	Product string  `json:"product"`
	Pieces  int     `json:"pieces"`
	Revenue float64 `json:"revenue"`
}

// Sales returns what was sold in a quarter.
func (*Books) Sales(_ context.Context, p Period) ([]Sale, error) {
	n := p.Year - 2019 + int(p.Quarter[1]-'0')
	return []Sale{{"Tea", 40 * n, 120 * float64(n)}, {"Cups", 7 * n, 63 * float64(n)}, {"Kettles", n, 39.9 * float64(n)}}, nil
}

// An Order identifies an order.
type Order struct {
	Order string `json:"order" pattern:"^[0-9]{4,8}$" doc:"The number on the invoice."`
	Why   string `json:"why" maxLength:"200"`
}

// Refund always fails: the bank refuses it.
func (*Books) Refund(_ context.Context, o Order) error {
	return service.Drop(fmt.Errorf("order %s: the bank has refused the refund", o.Order))
}
