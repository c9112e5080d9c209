package statsd_test

import (
	"os"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/observe/statsd"
	"github.com/gomeko/gomeko/service"
)

// Mistyped has tags that cannot be used.
type Mistyped struct {
	_ service.Name `service:"mistyped"`

	Stats statsd.Client `statsd:"a:b" prefix:"x"`
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		file string
		want []string
	}{
		"address":     {"statsd: {address: localhost}", []string{"line 1: statsd: address: must be host:port, as in localhost:8125, not localhost"}},
		"prefix":      {`statsd: {prefix: "a b"}`, []string{"line 1: statsd: prefix: must not have spaces or any of : | @ # , ;"}},
		"unknown key": {"statsd: {prefx: shop}", []string{"line 1: statsd.prefx: unknown key: did you mean prefix?"}},
		"field": {"", []string{
			"service mistyped: Stats: unknown key prefix in its tag",
			"service mistyped: Stats: the prefix in the tag must not have spaces or any of : | @ # , ;",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Parse([]byte(test.file), os.LookupEnv)
			if err != nil {
				t.Fatal(err)
			}
			_, err = service.New(service.Config{}, cfg.Module(), statsd.Module(statsd.Config{}), new(Mistyped))
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %s", err, want)
				}
			}
		})
	}
}

// The file's keys take precedence over the defaults.
func TestFile(t *testing.T) {
	to := listen(t)
	cfg, err := config.Parse([]byte("statsd: {address: "+to.address()+"}"), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	call(t, cfg.Module(), statsd.Module(statsd.Config{Address: "127.0.0.1:1", Prefix: "shop."}))
	to.until("shop.orders.created")
}
