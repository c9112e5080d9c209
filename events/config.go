package events

import "github.com/gomeko/gomeko/transport"

// Config configures events; pass it with [service.Configure]. The zero value works.
type Config struct {
	// Identity identifies this instance in the names of its reliable broadcast queues, so it finds
	// them again after a restart. It can be the host's name or the number of a replica; each instance
	// needs a different one. Reliable broadcast handlers require it.
	Identity string

	// AutoDelete declares exchanges that are deleted with the last queue bound to them (Nameko's
	// AUTO_DELETE_EVENT_EXCHANGES). All services that declare an exchange must agree; Nameko 2.12
	// and older, and 3.0.0rc, declare such exchanges.
	AutoDelete bool

	// Undeclared leaves the declaration of exchanges to other processes (Nameko's
	// DECLARE_EVENT_EXCHANGES: false). If an exchange is missing, the service does not start.
	Undeclared bool
}

// exchanges returns the declaration of a service's exchange: see docs/wire/nameko.md, The exchange.
func (c Config) exchanges(service string) []transport.Exchange {
	if c.Undeclared {
		return nil
	}
	return []transport.Exchange{{Name: exchangeOf(service), Kind: "topic", Durable: true, AutoDelete: c.AutoDelete}}
}

const suffix = ".events"

func exchangeOf(service string) string { return service + suffix }
