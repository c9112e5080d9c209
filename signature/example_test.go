package signature_test

import (
	"fmt"

	"github.com/gomeko/gomeko/signature"
)

func ExampleParse() {
	sig, err := signature.Parse("get_order(order_id, verbose=False, *, user=None)")
	fmt.Println(sig, err)
	for _, p := range sig.Params {
		fmt.Println(p.Name, p.Kind == signature.Keyword, p.Optional, p.Default)
	}
	_, err = signature.Parse("get_order(order_id, verbose=false)")
	fmt.Println(err)
	// Output:
	// get_order(order_id, verbose=False, *, user=None) <nil>
	// order_id false false <nil>
	// verbose false true false
	// user true true <nil>
	// signature "get_order(order_id, verbose=false)": parameter verbose: false is not a Python literal: write False
}

// Text is an argument that is a string.
type Text string

// Decode implements [signature.Value].
func (t Text) Decode(v any) error {
	_, err := fmt.Sscan(string(t), v)
	return err
}

func ExampleSignature_Match() {
	sig, _ := signature.Parse("get_order(order_id, verbose=False)")
	_, err := sig.Match(signature.Arguments{Positional: []signature.Value{Text("7")}}, nil)
	fmt.Println(err)
	_, err = sig.Match(signature.Arguments{Keyword: []signature.Named{{Name: "verbos", Value: Text("true")}}}, nil)
	fmt.Println(err)
	_, err = sig.Match(signature.Arguments{}, nil)
	fmt.Println(err)
	// Output:
	// <nil>
	// get_order() got an unexpected keyword argument 'verbos'
	// get_order() missing 1 required positional argument: 'order_id'
}
