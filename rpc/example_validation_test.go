package rpc_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Accounts opens accounts.
type Accounts struct {
	_ service.Name `service:"accounts"`

	Entrypoints struct {
		Open rpc.Method `rpc:"open"`
	}
}

// An Account is what the caller asks for.
type Account struct {
	Email  string   `json:"email" format:"email"`
	Age    int      `json:"age" min:"18" max:"150"`
	Plan   string   `json:"plan" enum:"free,pro" default:"'free'"`
	Limit  string   `json:"limit" default:"'0.00'" format:"decimal" min:"0" max:"10000"`
	Labels []string `json:"labels,omitempty" minLength:"1" maxLength:"20" pattern:"^[a-z-]+$"`
}

func (*Accounts) Open(_ context.Context, a Account) (string, error) {
	return "opened for " + a.Email, nil
}

// Arguments that break the constraints in the tags of fields do not reach the method. The caller
// receives all faults.
func Example_validation() {
	b, end := exampleBroker()
	defer end()
	defer serve(b, new(Accounts))()

	caller, hangUp := connect(b)
	defer hangUp()
	accounts := caller.Client("accounts")

	err := accounts.Call(context.Background(), "open", nil, rpc.Kwargs{"email", "ada", "age", 12, "labels", []string{"new", "Ü"}})
	var invalid *service.ValidationError
	if errors.As(err, &invalid) {
		for _, fault := range invalid.Faults {
			fmt.Println(fault.Pointer, fault.Message)
		}
	}
	// Output:
	// /email must be an email address
	// /age must be at least 18
	// /labels/1 must match ^[a-z-]+$
}
