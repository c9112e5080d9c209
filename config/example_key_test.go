package config_test

import (
	"fmt"
	"log"
	"os"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
)

// RedisURI is the key REDIS_URI, which the file must have.
type RedisURI string

// Retries is the key REDIS_RETRIES.
type Retries int

// Cache is made of two keys.
type Cache struct{ about string }

// NewCache asks for the keys by their types.
func NewCache(uri RedisURI, retries Retries) *Cache {
	return &Cache{fmt.Sprintf("%s, %d retries", uri, retries)}
}

// CacheModule has the cache and its keys.
var CacheModule = fx.Module("cache",
	config.Require[RedisURI]("REDIS_URI"),
	config.Provide("REDIS_RETRIES", Retries(3)),
	fx.Provide(NewCache),
)

func ExampleRequire() {
	for _, file := range []string{"REDIS_URI: redis://cache\n", "REDIS_URL: redis://cache\n"} {
		cfg, err := config.Parse([]byte(file), os.LookupEnv)
		if err != nil {
			log.Fatal(err)
		}
		var cache *Cache
		app := fx.New(cfg.Module(), CacheModule, fx.Populate(&cache), fx.NopLogger)
		if app.Err() == nil {
			fmt.Println(cache.about)
			continue
		}
		fmt.Println(app.Err())
		fmt.Println(cfg.Warnings[0])
	}
	// Output:
	// redis://cache, 3 retries
	// REDIS_URI: is missing: it is required
	// line 1: REDIS_URL: unknown key, and REDIS_URI is missing: did you mean REDIS_URI?
}
