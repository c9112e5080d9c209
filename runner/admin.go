package runner

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gomeko/gomeko/admin"
)

// adminTime limits how long the end of the process waits for running requests to the admin address.
const adminTime = time.Second

// openAdmin opens the admin address, if one is configured, and serves it until close is called.
func (p *process) openAdmin(ctx context.Context) (closeAdmin func(), err error) {
	if p.cfg.Admin == "" {
		return func() {}, nil
	}
	cfg := admin.Config{Address: p.cfg.Admin, ReadyGrace: p.web.ReadyGrace, Logger: p.log}
	if p.parent != nil {
		cfg.Address = adminOf(cfg.Address, p.parent.Process, p.parent.Of)
		cfg.Open = func(ctx context.Context, address string) (net.Listener, error) {
			return p.parent.Listen(ctx, adminNetwork, address)
		}
	}
	s, err := admin.Listen(ctx, cfg, p.container.Host())
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

// adminOf returns the admin address of one of several processes: each gets the next port, or a
// socket with its number as a suffix, such as .2.
func adminOf(address string, process, of int) string {
	if of == 1 {
		return address
	}
	if strings.HasPrefix(address, "unix:") {
		return fmt.Sprintf("%s.%d", address, process)
	}
	host, text, err := net.SplitHostPort(address)
	port, portErr := strconv.Atoi(text)
	if err != nil || portErr != nil || port == 0 {
		return address
	}
	return net.JoinHostPort(host, strconv.Itoa(port+process-1))
}
