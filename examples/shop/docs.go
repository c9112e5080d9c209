package shop

import "github.com/gomeko/gomeko/service"

// Docs returns the titles and texts of the rows in a control panel: see examples/panel.
func (*Products) Docs() service.Docs {
	return service.Docs{Text: "The database of products.", Rows: map[string]service.RowDocs{
		"Import": {Title: "Import products", Text: "Replaces the products by those of the suppliers."},
		"Prices": {Title: "Update prices", Text: "Reads the prices of the suppliers."},
	}}
}

// Docs returns the titles and texts of the rows in a control panel.
func (*Indexer) Docs() service.Docs {
	return service.Docs{Text: "The search of the shop.", Rows: map[string]service.RowDocs{
		"Index": {Title: "Make the search index", Text: "Runs each night, too. Nobody changes products meanwhile."},
	}}
}

// Docs returns the titles and texts of the rows in a control panel.
func (*Availability) Docs() service.Docs {
	return service.Docs{Text: "What is in stock.", Rows: map[string]service.RowDocs{
		"Update": {Title: "Update availability", Text: "Reads what the warehouses have, and sends an email about it if you like."},
	}}
}

// Docs returns the titles and texts of the rows in a control panel.
func (*Images) Docs() service.Docs {
	return service.Docs{Text: "The pictures of products.", Rows: map[string]service.RowDocs{"Upload": {Title: "Upload pictures"}}}
}

// Docs returns the titles and texts of the rows in a control panel.
func (*Feeds) Docs() service.Docs {
	return service.Docs{Text: "What search engines and marketplaces read.", Rows: map[string]service.RowDocs{"Generate": {Title: "Generate marketing feeds"}}}
}
