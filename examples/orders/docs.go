package orders

import "github.com/gomeko/gomeko/service"

// Docs describes the service for `gomeko describe ./examples/orders`.
func (*Orders) Docs() service.Docs {
	return service.Docs{
		Text: "Orders keeps orders until their users are deleted.",
		Rows: map[string]service.RowDocs{
			"CreateOrder": {
				Text:   "A second call with the same id returns the order of the first.",
				Errors: []error{ErrTooMany},
			},
			"GetOrder": {Errors: []error{ErrNotFound}},
		},
		Events: map[string]any{"order_created": Order{}},
	}
}
