package transport

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parameters are what stands behind the "?" of a URI, as RabbitMQ's clients and kombu write it.
type parameters struct {
	heartbeat time.Duration // 0 is Config.Heartbeat
	timeout   time.Duration // of connect, TLS and login; 0 is dialTimeout
	mechanism string        // of the login; "" is Config.LoginMethod
	peer      peer
}

func (p *parameters) parse(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("parameters cannot be read: want name=value, with & between, and special characters as %XX")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := p.set(name, values.Get(name)); err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	return nil
}

func (p *parameters) set(name, value string) (err error) {
	switch name {
	case "heartbeat":
		p.heartbeat, err = units(value, time.Second, math.MaxUint16)
	case "connection_timeout": // RabbitMQ's
		p.timeout, err = units(value, time.Millisecond, math.MaxInt32)
	case "connect_timeout": // kombu's
		p.timeout, err = units(value, time.Second, math.MaxInt32)
	case "auth_mechanism", "login_method": // RabbitMQ's, kombu's
		p.mechanism, err = loginMethod(value)
	case "cacertfile":
		p.peer.ca = option{name, value}
	case "certfile":
		p.peer.cert = option{name, value}
	case "keyfile":
		p.peer.key = option{name, value}
	case "server_name_indication":
		p.peer.name = value
	case "verify":
		p.peer.unverified = value == "verify_none"
		if value != "verify_peer" && value != "verify_none" {
			err = errors.New("want verify_peer or verify_none")
		}
	default:
		err = errors.New("is not known: want heartbeat, connection_timeout, auth_mechanism, cacertfile, certfile, " +
			"keyfile, server_name_indication or verify")
	}
	return err
}

// units reads a number of them, at least one.
func units(s string, unit time.Duration, most uint64) (time.Duration, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 || n > most {
		return 0, fmt.Errorf("want a whole number from 1 to %d", most)
	}
	return time.Duration(n) * unit, nil
}

// loginMethod returns the name of a SASL mechanism as AMQP has it.
func loginMethod(name string) (string, error) {
	switch upper := strings.ToUpper(name); upper {
	case "", "PLAIN", "AMQPLAIN", "EXTERNAL":
		return upper, nil
	default:
		return "", fmt.Errorf("login method %q is not known: want PLAIN, AMQPLAIN, or EXTERNAL, by the client's certificate", name)
	}
}
