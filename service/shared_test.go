package service_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/gomeko/gomeko/service"
)

func TestSharedFails(t *testing.T) {
	_, err := service.New(service.Config{}, new(probed), service.Configure(probe(func(r *service.Row) error {
		_, err := service.Shared(r.Host, func(*service.Host) (int, error) { return 0, fmt.Errorf("no broker: %w", io.EOF) })
		return err
	})))
	if want := "service probed: Any: no broker: EOF"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
