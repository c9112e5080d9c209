package config_test

import (
	"fmt"
	"os"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/service"
)

// Settings are what the configuration tells the service orders.
type Settings struct {
	Database string        `yaml:"database"`
	Timeout  time.Duration `yaml:"timeout"`
}

// Module is the service and what it is made of.
var Module = fx.Module("orders",
	service.Provide(new(Orders)),
	config.Provide("orders", Settings{Database: "orders.db", Timeout: 5 * time.Second}),
	fx.Provide(NewStore), // func(Settings) *Store
)

// Orders takes orders.
type Orders struct {
	_ service.Name `service:"orders"`

	Store *Store `inject:""`
}

// A Store keeps orders.
type Store struct{ settings Settings }

// NewStore receives the settings from the configuration.
func NewStore(s Settings) *Store { return &Store{s} }

func ExampleProvide() {
	cfg, err := config.Parse([]byte("orders: {timeout: 2s}"), os.LookupEnv)
	if err != nil {
		fmt.Println(err)
		return
	}
	var store *Store
	// runner.Main does this.
	if _, err := service.New(service.Config{}, cfg.Module(), Module, fx.Populate(&store)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(store.settings.Database, store.settings.Timeout)
	// Output: orders.db 2s
}
