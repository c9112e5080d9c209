package transport_test

import (
	"fmt"

	"github.com/gomeko/gomeko/transport"
)

// What is shown of a Config, in a log or anywhere, has no password.
func ExampleConfig_String() {
	fmt.Println(transport.Config{URI: "pyamqp://orders:secret@rabbit1/shop;rabbit2"})
	// Output: amqp://orders:**@rabbit1:5672/shop;amqp://orders:**@rabbit2:5672/shop
}
