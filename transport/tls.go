package transport

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// ReadTLS returns the [Config].TLS that Nameko's AMQP_SSL asks for, as a configuration file has it: true is TLS with
// the system's CAs; false and nil are none. A map[string]any has the options of Python's ssl, each of which may be
// left out:
//
//   - ca_certs: a PEM file of the CAs to trust, in place of the system's
//   - certfile, keyfile: PEM files of the client's certificate with those that lead to its CA, and of its key, which
//     may stand in certfile too
//   - server_hostname: the name that the broker's certificate must have; the URI's host unless given. It is always
//     checked; Nameko checks it only if it is given.
//   - cert_reqs: CERT_REQUIRED (2), CERT_OPTIONAL (1), which is the same, or CERT_NONE (0), which trusts whoever
//     answers
//   - ssl_version: the version, as PROTOCOL_TLS_CLIENT or PROTOCOL_TLSv1_2; it is 1.2 at least
//
// The files are read at once. An error names the option, and the file.
func ReadTLS(ssl any) (*tls.Config, error) {
	options, ok := ssl.(map[string]any)
	switch on, isBool := ssl.(bool); {
	case ok:
	case ssl == nil, isBool && !on:
		return nil, nil
	case isBool:
		return newTLS(), nil
	default:
		return nil, fmt.Errorf("AMQP_SSL: want true, or ca_certs, certfile, keyfile under it, got %#v", ssl)
	}
	var p peer
	var mistakes []error
	for _, key := range slices.Sorted(maps.Keys(options)) {
		if options[key] == nil {
			continue
		}
		if err := p.option(key, options[key]); err != nil {
			mistakes = append(mistakes, fmt.Errorf("AMQP_SSL: %s: %w", key, err))
		}
	}
	cfg := newTLS()
	if err := p.apply(cfg); err != nil {
		mistakes = append(mistakes, fmt.Errorf("AMQP_SSL: %w", err))
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return cfg, nil
}

func newTLS() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }

// A peer is what both ends of a TLS connection show and want to see.
type peer struct {
	ca, cert, key option
	name          string // the broker's
	unverified    bool
}

// An option is the name of a file, and what it is called where it was set.
type option struct{ key, value string }

// option reads an option of AMQP_SSL.
func (p *peer) option(key string, v any) error {
	text, isText := v.(string)
	switch key {
	case "ca_certs":
		p.ca = option{key, text}
	case "certfile":
		p.cert = option{key, text}
	case "keyfile":
		p.key = option{key, text}
	case "server_hostname":
		p.name = text
	case "cert_reqs":
		return p.certReqs(v)
	case "ssl_version":
		return sslVersion(v)
	default:
		return errors.New("is not known: want ca_certs, certfile, keyfile, cert_reqs, server_hostname or ssl_version")
	}
	if !isText || text == "" {
		return fmt.Errorf("want text, got %#v", v)
	}
	return nil
}

// certReqs reads a constant of Python's ssl.
func (p *peer) certReqs(v any) error {
	switch constant(v, "CERT_") {
	case "NONE", "0":
		p.unverified = true
	case "OPTIONAL", "1", "REQUIRED", "2":
	default:
		return fmt.Errorf("want CERT_REQUIRED, CERT_OPTIONAL or CERT_NONE, got %#v", v)
	}
	return nil
}

// sslVersion refuses what Go has no more: the best version that both ends have is taken anyway.
func sslVersion(v any) error {
	switch constant(v, "PROTOCOL_") {
	case "TLS", "SSLV23", "2", "TLSV1_2", "5", "TLSV1_3", "TLS_CLIENT", "16":
		return nil
	default:
		return fmt.Errorf("want PROTOCOL_TLS_CLIENT or PROTOCOL_TLSv1_2, or leave it away, got %#v", v)
	}
}

// constant returns the name of a constant of Python's ssl without its prefix, in upper case, or its number.
func constant(v any, prefix string) string {
	name := strings.ToUpper(fmt.Sprint(v))
	return strings.TrimPrefix(name[strings.LastIndex(name, ".")+1:], prefix)
}

// apply sets in cfg what p has.
func (p *peer) apply(cfg *tls.Config) error {
	cfg.ServerName = cmp.Or(p.name, cfg.ServerName)
	cfg.InsecureSkipVerify = cfg.InsecureSkipVerify || p.unverified
	if file := p.ca.value; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("%s: %w", p.ca.key, err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s: %s has no certificate in it: want PEM, from -----BEGIN CERTIFICATE----- on", p.ca.key, file)
		}
	}
	cert, key := p.cert, p.key
	switch {
	case cert.value == "" && key.value != "":
		return fmt.Errorf("%s: has no effect without certfile, the certificate that it is the key of", key.key)
	case cert.value == "":
		return nil
	case key.value == "":
		key = cert
	}
	for _, file := range []option{cert, key} {
		if _, err := os.Stat(file.value); err != nil {
			return fmt.Errorf("%s: %w", file.key, err)
		}
	}
	pair, err := tls.LoadX509KeyPair(cert.value, key.value)
	if err != nil {
		return fmt.Errorf("certfile %s, keyfile %s: %w", cert.value, key.value, err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return nil
}

// secure returns how TLS is spoken to the broker: as base says, and the URI's parameters; nil is not at all.
func (a *address) secure(base *tls.Config) (*tls.Config, error) {
	if !a.tls {
		if a.peer != (peer{}) {
			return nil, errors.New("broker's URI: cacertfile, certfile, keyfile, server_name_indication and verify need TLS: write amqps://")
		}
		return nil, nil
	}
	cfg := newTLS()
	if base != nil {
		cfg = base.Clone()
	}
	if err := a.peer.apply(cfg); err != nil {
		return nil, fmt.Errorf("broker's URI: %w", err)
	}
	cfg.ServerName = cmp.Or(cfg.ServerName, a.host)
	return cfg, nil
}
