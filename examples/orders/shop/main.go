// Command shop hosts orders and users in one process: shop --config examples/orders/config.yaml.
package main

import (
	"github.com/gomeko/gomeko/examples/orders"
	"github.com/gomeko/gomeko/examples/orders/users"
	"github.com/gomeko/gomeko/runner"
)

func main() { runner.Main(orders.Module, users.Module) }
