package rpcerror_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc/rpcerror"
)

var errNotFound = rpcerror.New("orders.exceptions.NotFound", "order not found")

func ExampleNew() {
	err := fmt.Errorf("order 7: %w", errNotFound)
	fmt.Println(err)
	fmt.Println(errors.Is(err, errNotFound))
	// Output:
	// order 7: NotFound: order not found
	// true
}

func ExampleError_WithText() {
	err := errNotFound.WithText("order 7 not found")
	fmt.Println(err)
	fmt.Println(errors.Is(err, errNotFound))
	// Output:
	// NotFound: order 7 not found
	// true
}

func ExampleError_With() {
	errNoUser := rpcerror.New("users.exceptions.NoUser", "user %d not found")
	err := errNoUser.With(3)
	fmt.Println(err, err.Args)
	fmt.Println(errors.Is(err, errNoUser))
	// Output:
	// NoUser: user 3 not found [3]
	// true
}

func ExampleError_WithStatus() {
	errGone := rpcerror.New("users.exceptions.Gone", "the user is gone").WithStatus(410)
	fmt.Println(errGone.HTTPStatus(), errGone)
	// Output: 410 Gone: the user is gone
}

func ExampleFrom() {
	fmt.Println(rpcerror.From(fmt.Errorf("order 7: %w", errNotFound)))
	fmt.Println(rpcerror.From(errors.New("disk full")))
	// Output:
	// NotFound: order 7: order not found
	// Exception: disk full
}

func ExampleDecode() {
	data, _ := codec.JSON.Encode(rpcerror.From(errNotFound))
	err, _ := rpcerror.Decode(codec.JSON, data, nil)
	fmt.Println(err.Path, err.Remote(), errors.Is(err, errNotFound))
	// Output: orders.exceptions.NotFound true true
}

func ExampleError() {
	data, _ := codec.JSON.Encode(errNotFound)
	fmt.Printf("%s\n", data)
	// Output: {"exc_type":"NotFound","exc_path":"orders.exceptions.NotFound","exc_args":["order not found"],"value":"order not found"}
}

func ExampleNewTimeout() {
	err := rpcerror.NewTimeout("orders.get: no reply in 5s", nil)
	fmt.Println(err)
	fmt.Println(errors.Is(err, rpcerror.ErrTimeout), errors.Is(err, context.DeadlineExceeded))
	// Output:
	// TimeoutError: orders.get: no reply in 5s
	// true true
}

func ExampleNewUnserializable() {
	result := make(chan int)
	_, why := codec.JSON.Encode(result)
	fmt.Println(rpcerror.NewUnserializable(result, why).Value)
	// Output: Unserializable value: `chan int: cannot encode as JSON: chan int is not data`
}
