package config_test

import (
	"fmt"

	"github.com/gomeko/gomeko/config"
)

func ExampleParse() {
	env := map[string]string{"RABBIT_HOST": "rabbit.example"}
	cfg, err := config.Parse([]byte(`
AMQP_URI: amqp://${RABBIT_USER:guest}:${RABBIT_PASSWORD:guest}@${RABBIT_HOST}/
max_workers: 50
gomeko:
  rpc_timeout: 5s
`), func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.MaxWorkers, cfg.RPCTimeout, cfg.Grace)
	fmt.Print(cfg)
	// Output:
	// 50 5s 25s
	// AMQP_URI: amqp://guest:**@rabbit.example/
	// max_workers: 50
	// gomeko:
	//   rpc_timeout: 5s
}
