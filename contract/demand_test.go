package contract_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Club has parameters with constraints.
type Club struct {
	_ service.Name `service:"club"`

	Entrypoints struct {
		Join rpc.Method `rpc:"join"`
	}
}

type member struct {
	Email string    `json:"email" format:"email" doc:"Of the member."`
	Age   int       `json:"age" min:"18" max:"150"`
	Level uint8     `json:"level" max:"9"`
	Plan  string    `json:"plan" default:"'free'" enum:"free,pro"`
	Limit string    `json:"limit" default:"'1'" format:"decimal" min:"0.01"`
	Tags  []string  `json:"tags,omitempty" minLength:"1" maxLength:"20" pattern:"^[a-z]+$"`
	Rates []float64 `json:"rates,omitempty" min:"0"`
	Inner *address  `json:"inner"`
}

type address struct {
	Zip string `json:"zip" pattern:"^[0-9]{5}$"`
}

func (*Club) Join(_ context.Context, m member) (address, error) { return *m.Inner, nil }

// Constraints are printed after types. Results have none, because they are not checked.
func TestConstraints(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := describe(t, new(Club))[0].Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`email string (email) required Of the member.`,
		`age integer (18 to 150) required`,
		`level integer (0 to 9) required`,
		`plan string ("free", "pro") = "free"`,
		`limit string (decimal, at least 0.01) = "1"`,
		`tags list of string (1 to 20 characters, ^[a-z]+$) = null`,
		`rates list of number (at least 0) = null`,
		`returns contract_test.address.result`,
		`contract_test.address object zip string (^[0-9]{5}$) required`,
		`contract_test.address.result object zip string required`,
	} {
		if got := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwithout %s", out.String(), want)
		}
	}
}
