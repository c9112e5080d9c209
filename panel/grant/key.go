package grant

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Types of PEM blocks.
const (
	privateBlock = "PRIVATE KEY" // PKCS #8
	publicBlock  = "PUBLIC KEY"  // PKIX
)

// A Key is the private key of a panel. It prints as its id. Several goroutines may use it.
type Key struct {
	private ed25519.PrivateKey
	id      string
}

// NewKey generates a key.
func NewKey() (*Key, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return keyOf(private), nil
}

func keyOf(private ed25519.PrivateKey) *Key {
	return &Key{private, idOf(private.Public().(ed25519.PublicKey))}
}

// ParseKey reads a private key: one PEM block PRIVATE KEY with an Ed25519 key.
func ParseKey(text string) (*Key, error) {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, errors.New("grant key: not PEM: make one with openssl genpkey -algorithm ed25519")
	case block.Type != privateBlock:
		return nil, fmt.Errorf("grant key: is PEM of a %.60q: the panel needs the PRIVATE KEY, as openssl genpkey -algorithm ed25519 makes it", block.Type)
	case strings.TrimSpace(string(rest)) != "":
		return nil, errors.New("grant key: has more after the PEM block: the panel signs with one key, remove the rest")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("grant key: cannot be read: make one with openssl genpkey -algorithm ed25519") // the cause might quote the key
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("grant key: is a %T, and must be for Ed25519: make one with openssl genpkey -algorithm ed25519", parsed)
	}
	return keyOf(private), nil
}

// ID returns the id of the key, which each grant contains: the thumbprint of the public key
// according to RFC 7638 and RFC 8037.
func (k *Key) ID() string { return k.id }

// PEM returns the private key for [ParseKey]. It is secret.
func (k *Key) PEM() string {
	der, _ := x509.MarshalPKCS8PrivateKey(k.private) // fails only for other types
	return string(pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der}))
}

// PublicPEM returns the public key for [ParseKeys].
func (k *Key) PublicPEM() string {
	der, _ := x509.MarshalPKIXPublicKey(k.private.Public()) // fails only for other types
	return string(pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}))
}

// String returns the id.
func (k *Key) String() string { return k.id }

// GoString returns the id.
func (k *Key) GoString() string { return "grant.Key(" + k.id + ")" }

// idOf returns the thumbprint of a public key.
func idOf(public ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + encoding.EncodeToString(public) + `"}`))
	return encoding.EncodeToString(sum[:])
}

// maxKeys limits the public keys of a worker.
const maxKeys = 16

// Keys are the public keys of panels. Several goroutines may use a Keys.
type Keys struct{ byID map[string]ed25519.PublicKey }

// ParseKeys reads public keys: 1 to 16 PEM blocks PUBLIC KEY with Ed25519 keys.
func ParseKeys(text string) (*Keys, error) {
	keys := &Keys{map[string]ed25519.PublicKey{}}
	rest := []byte(text)
	for n := 1; len(strings.TrimSpace(string(rest))) > 0; n++ {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		switch {
		case block == nil:
			return nil, fmt.Errorf("grant keys: block %d is not PEM: write public keys, as openssl pkey -pubout prints them", n)
		case block.Type == privateBlock:
			return nil, fmt.Errorf("grant keys: block %d is a private key, which only the panel may have: write the public key, as openssl pkey -pubout prints it", n)
		case block.Type != publicBlock:
			return nil, fmt.Errorf("grant keys: block %d is PEM of a %.60q, and must be a PUBLIC KEY", n, block.Type)
		case n > maxKeys:
			return nil, fmt.Errorf("grant keys: there are more than %d: remove those that are not used any more", maxKeys)
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("grant keys: block %d: %w", n, err)
		}
		public, ok := parsed.(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("grant keys: block %d is a %T, and must be for Ed25519", n, parsed)
		}
		keys.byID[idOf(public)] = public
	}
	if len(keys.byID) == 0 {
		return nil, errors.New("grant keys: there are none: write the panel's public key, as openssl pkey -pubout prints it")
	}
	return keys, nil
}
