package service_test

import (
	"errors"
	"fmt"

	"github.com/gomeko/gomeko/service"
)

// A call of a row with isolate:"process" fails with this error if its process crashes.
func ExampleProcessError() {
	var err error = &service.ProcessError{Service: "shop", Row: "Render", Reason: service.ProcessCrashed, Detail: "fatal error: stack overflow"}
	var ended *service.ProcessError
	if errors.As(err, &ended) && ended.Reason == service.ProcessCrashed {
		fmt.Println(err)
	}
	// Output: service shop: Render: the process of the call crashed: fatal error: stack overflow
}
