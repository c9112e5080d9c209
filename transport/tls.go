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

// ReadTLS returns the [Config].TLS for Nameko's AMQP_SSL, as read from a configuration file: TLS
// with the system's CAs for true, and nil for false and nil. A map[string]any holds options of
// Python's ssl, all of them optional:
//
//   - ca_certs: a PEM file of the CAs to trust instead of the system's
//   - certfile, keyfile: PEM files of the client's certificate, with the intermediate ones up to
//     its CA, and of its key, which may be in certfile too
//   - server_hostname: the name that the broker's certificate must be valid for. The default is the
//     host of the URI. It is always checked; Nameko checks it only if it is set.
//   - cert_reqs: CERT_REQUIRED (2); CERT_OPTIONAL (1), which is the same; or CERT_NONE (0), which
//     trusts every server
//   - ssl_version: the version, such as PROTOCOL_TLS_CLIENT or PROTOCOL_TLSv1_2. At least TLS 1.2
//     is used
//
// The files are read immediately. An error names the option and the file.
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
	var o tlsOptions
	var mistakes []error
	for _, key := range slices.Sorted(maps.Keys(options)) {
		if options[key] == nil {
			continue
		}
		if err := o.set(key, options[key]); err != nil {
			mistakes = append(mistakes, fmt.Errorf("AMQP_SSL: %s: %w", key, err))
		}
	}
	cfg := newTLS()
	if err := o.apply(cfg); err != nil {
		mistakes = append(mistakes, fmt.Errorf("AMQP_SSL: %w", err))
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return cfg, nil
}

func newTLS() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }

// tlsOptions are the TLS options of AMQP_SSL, or of a URI.
type tlsOptions struct {
	ca, cert, key option
	serverName    string
	unverified    bool
}

// An option is a file, and the name of the option that it was set with.
type option struct{ name, file string }

// set sets an option of AMQP_SSL.
func (o *tlsOptions) set(name string, v any) error {
	text, isText := v.(string)
	switch name {
	case "ca_certs":
		o.ca = option{name, text}
	case "certfile":
		o.cert = option{name, text}
	case "keyfile":
		o.key = option{name, text}
	case "server_hostname":
		o.serverName = text
	case "cert_reqs":
		return o.setCertReqs(v)
	case "ssl_version":
		return checkVersion(v)
	default:
		return errors.New("unknown: want ca_certs, certfile, keyfile, cert_reqs, server_hostname or ssl_version")
	}
	if !isText || text == "" {
		return fmt.Errorf("must be a string, not %#v", v)
	}
	return nil
}

func (o *tlsOptions) setCertReqs(v any) error {
	switch constant(v, "CERT_") {
	case "NONE", "0":
		o.unverified = true
	case "OPTIONAL", "1", "REQUIRED", "2":
	default:
		return fmt.Errorf("want CERT_REQUIRED, CERT_OPTIONAL or CERT_NONE, got %#v", v)
	}
	return nil
}

// checkVersion returns an error for versions that Go no longer speaks. The others need no setting:
// the best version that both sides support is used.
func checkVersion(v any) error {
	switch constant(v, "PROTOCOL_") {
	case "TLS", "SSLV23", "2", "TLSV1_2", "5", "TLSV1_3", "TLS_CLIENT", "16":
		return nil
	default:
		return fmt.Errorf("want PROTOCOL_TLS_CLIENT or PROTOCOL_TLSv1_2, got %#v: change it, or remove ssl_version", v)
	}
}

// constant returns the name of a constant of Python's ssl, in upper case and without its prefix, or
// its number.
func constant(v any, prefix string) string {
	name := strings.ToUpper(fmt.Sprint(v))
	return strings.TrimPrefix(name[strings.LastIndex(name, ".")+1:], prefix)
}

// apply sets the options in cfg.
func (o *tlsOptions) apply(cfg *tls.Config) error {
	cfg.ServerName = cmp.Or(o.serverName, cfg.ServerName)
	cfg.InsecureSkipVerify = cfg.InsecureSkipVerify || o.unverified
	if file := o.ca.file; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("%s: %w", o.ca.name, err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s: %s contains no certificate: want PEM, beginning with -----BEGIN CERTIFICATE-----", o.ca.name, file)
		}
	}
	cert, key := o.cert, o.key
	switch {
	case cert.file == "" && key.file != "":
		return fmt.Errorf("%s: needs certfile, the certificate of this key", key.name)
	case cert.file == "":
		return nil
	case key.file == "":
		key = cert
	}
	for _, o := range []option{cert, key} {
		if _, err := os.Stat(o.file); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	pair, err := tls.LoadX509KeyPair(cert.file, key.file)
	if err != nil {
		return fmt.Errorf("certfile %s, keyfile %s: %w", cert.file, key.file, err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return nil
}

// renewTLS reads certificates and keys again. Only the goroutine that connects may call it.
func (c *Conn) renewTLS() {
	base := c.cfg.TLS
	if c.cfg.RenewTLS != nil {
		renewed, err := c.cfg.RenewTLS()
		if err != nil {
			c.log.Warn("certificates cannot be read again, the previous ones stay in use", "err", err)
			return
		}
		base = renewed
	}
	for _, a := range c.addresses {
		if renewed, err := a.secure(base); err == nil {
			a.tlsConfig = renewed
		} else {
			c.log.Warn("certificates cannot be read again, the previous ones stay in use", "broker", a.redacted, "err", err)
		}
	}
}
