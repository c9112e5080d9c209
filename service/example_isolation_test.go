package service_test

import (
	"errors"
	"fmt"

	"github.com/gomeko/gomeko/service"
)

// The outcome of a call whose row has isolate:"process", and whose process has crashed.
func ExampleProcessError() {
	var err error = &service.ProcessError{Service: "shop", Row: "Render", Reason: service.ProcessCrashed, Detail: "fatal error: stack overflow"}
	var ended *service.ProcessError
	if errors.As(err, &ended) && ended.Reason == service.ProcessCrashed {
		fmt.Println(err)
	}
	// Output: service shop: Render: the process of the call crashed: fatal error: stack overflow
}
