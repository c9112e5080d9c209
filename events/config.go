package events

import "github.com/gomeko/gomeko/transport"

// Config says how events are routed. Services get it by service.Configure. The zero value works.
type Config struct {
	// Identity stands for this instance in the queues of reliable broadcasts, and lets it find them again after a restart: the
	// host's name, or the number of a replica. No other instance may have it. Others are new at each start.
	Identity string

	// AutoDelete has exchanges deleted with the last queue on them (Nameko's AUTO_DELETE_EVENT_EXCHANGES). All services
	// that declare an exchange must agree; those on Nameko 2.12 and older say true.
	AutoDelete bool

	// Undeclared leaves the declaration of exchanges to others (Nameko's DECLARE_EVENT_EXCHANGES: false): one that is
	// missing is an error of the service's start.
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
