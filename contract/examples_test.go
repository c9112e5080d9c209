package contract_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/examples/board"
	"github.com/gomeko/gomeko/examples/crew"
	"github.com/gomeko/gomeko/examples/helloworld"
	examplehttp "github.com/gomeko/gomeko/examples/http"
	"github.com/gomeko/gomeko/examples/invoices"
	talk "github.com/gomeko/gomeko/examples/jobs"
	"github.com/gomeko/gomeko/examples/nameko"
	"github.com/gomeko/gomeko/examples/orders"
	"github.com/gomeko/gomeko/examples/orders/users"
	"github.com/gomeko/gomeko/examples/prices"
	"github.com/gomeko/gomeko/examples/timers"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// documentSchema is the schema of documents, for programs in other languages.
const documentSchema = "../docs/wire/describe.schema.json"

// The documents of all services of the examples are valid, and so are the schemas in them.
func TestExamples(t *testing.T) {
	path, err := filepath.Abs(documentSchema)
	if err != nil {
		t.Fatal(err)
	}
	page, err := filepath.Abs("testdata/orders.txt") // which docs/describe.md shows
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir()) // for the databases of examples
	judge := jsonschema.NewCompiler()
	schema, err := judge.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse(nil, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	described := 0
	for name, example := range map[string]any{
		"board": board.Module, "crew": crew.Module, "helloworld": new(helloworld.Greeting), "http": examplehttp.Module, "invoices": invoices.Module,
		"nameko": nameko.Module, "orders": orders.Module, "users": users.Module, "prices": prices.Module, "timers": timers.Module,
		"jobs": talk.Module,
		"shop": new(Shop),
	} {
		c, err := service.New(service.Config{}, example, cfg.Module(),
			service.Defaults(transport.Config{URI: "amqp://127.0.0.1:1/"}, fleet.Timers(), fleet.HTTP()))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, d := range contract.Of(c.Host(), codec.JSON) {
			described++
			validate(t, judge, schema, d, "mem:///"+name+"/"+d.Service+".json")
			if name == "orders" {
				var text bytes.Buffer
				if err := d.Print(&text); err != nil {
					t.Fatal(err)
				}
				golden.File(t, page, text.Bytes())
			}
		}
	}
	if described < 15 {
		t.Errorf("%d services are described", described)
	}
}

// validate checks a document against the schema of documents, and compiles each schema in it, which
// checks the schema against the meta-schema.
func validate(t *testing.T, judge *jsonschema.Compiler, schema *jsonschema.Schema, d *contract.Document, url string) {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("%s: %v\n%s", d.Service, err, data)
	}
	if err := judge.AddResource(url, doc); err != nil {
		t.Fatal(err)
	}
	for name := range d.Definitions {
		compile(t, judge, url+"#/$defs/"+name)
	}
	for i, r := range d.Rows {
		for j := range r.Parameters {
			compile(t, judge, fmt.Sprintf("%s#/rows/%d/parameters/%d/schema", url, i, j))
		}
		if r.Result != nil {
			compile(t, judge, fmt.Sprintf("%s#/rows/%d/result", url, i))
		}
	}
	for i := range d.Dispatches {
		compile(t, judge, fmt.Sprintf("%s#/dispatches/%d/payload", url, i))
	}
}

func compile(t *testing.T, judge *jsonschema.Compiler, url string) {
	t.Helper()
	if _, err := judge.Compile(url); err != nil {
		t.Errorf("%s: %v", url, err)
	}
}
