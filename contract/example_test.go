package contract_test

import (
	"context"
	"fmt"
	"os"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Doors is a service.
type Doors struct {
	_ service.Name `service:"doors"`

	Entrypoints struct {
		Unlock rpc.Method `rpc:"unlock" timeout:"5s" doc:"Unlocks a door."`
	}
}

// UnlockArgs are the arguments of unlock.
type UnlockArgs struct {
	Door int    `json:"door" doc:"Its number."`
	Pin  string `json:"pin" sensitive:"true"`
}

func (*Doors) Unlock(context.Context, UnlockArgs) (bool, error) { return true, nil }

// Docs lists the errors that callers are meant to handle.
func (*Doors) Docs() service.Docs {
	return service.Docs{Rows: map[string]service.RowDocs{
		"Unlock": {Errors: []error{rpc.NewError("doors.WrongPin", "wrong pin")}},
	}}
}

// A program describes its services without starting them.
func Example() {
	c, err := service.New(service.Config{}, new(Doors), service.Configure(transport.Config{URI: "amqp://localhost"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range contract.Of(c.Host(), codec.JSON) {
		if err := d.Print(os.Stdout); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// doors
	//
	// rpc unlock(door, pin)
	//     Unlocks a door.
	//     door        integer  required             Its number.
	//     pin         string   required, sensitive
	//     returns     boolean
	//     fails with  doors.WrongPin: wrong pin
	//     listens to  key doors.unlock, queue rpc-doors
	//     limits      timeout 5s
}
