package contract_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/contract"
)

// TestHostileDocument prints a document of a process that wants to keep the reader's process busy.
func TestHostileDocument(t *testing.T) {
	schema := `{"type": "string"}`
	for range 60 {
		schema = `{"type": ["array", "array", "object", "object"], "items": ` + schema + `}`
	}
	var d contract.Document
	if err := json.Unmarshal([]byte(`{"service": "a\nforged", "$defs": {"B": `+schema+`}, "rows": [{"name": "a", "result": `+schema+`}]}`), &d); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := d.Print(&out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "list of") != 2*60 || strings.Contains(got, "\nforged") {
		t.Errorf("got %.300s", got)
	}
}
