package messaging

import (
	"context"
	"errors"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/service"
)

// A shared is what the rows of a container share.
type shared struct {
	connection  *connection.Shared
	subscribers []*subscriber
}

func newShared(host *service.Host) (*shared, error) {
	c, err := connection.Consuming(host)
	return &shared{connection: c}, err
}

// Stop writes the last acknowledgements, when every call has ended.
func (s *shared) Stop(ctx context.Context) error {
	var errs []error
	for _, sub := range s.subscribers {
		errs = append(errs, sub.close(ctx))
	}
	return errors.Join(errs...)
}

// Kill does nothing: the connection is cut, and acknowledges nothing more.
func (s *shared) Kill() {}
