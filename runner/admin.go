package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/gomeko/gomeko/admin"
)

// adminTime limits the wait for the requests to the admin address that run when the process ends.
const adminTime = time.Second

// openAdmin opens the admin address, if the configuration has one. It answers until close is
// called.
func (p *process) openAdmin(ctx context.Context) (closeAdmin func(), err error) {
	if p.cfg.Admin == "" {
		return func() {}, nil
	}
	s, err := admin.Listen(ctx, admin.Config{Address: p.cfg.Admin, ReadyGrace: p.web.ReadyGrace, Logger: p.log}, p.container.Host())
	if err != nil {
		return nil, fmt.Errorf("%w: set gomeko.admin to another address in the configuration file%s", err, stopOther(err))
	}
	p.log.Info("admin address listens", "address", s.Addr().String())
	return func() {
		limited, cancel := context.WithTimeout(context.Background(), adminTime)
		defer cancel()
		if err := s.Close(limited); err != nil {
			p.log.Warn("admin address not closed in order", "err", err)
		}
	}, nil
}
