package broker

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
)

// A secret is a salted hash of a password, as RabbitMQ stores it.
type secret struct {
	salt [16]byte
	hash [sha256.Size]byte
}

func newSecret(password string) secret {
	var s secret
	rand.Read(s.salt[:])
	s.hash = s.sum(password)
	return s
}

func (s secret) is(password string) bool {
	hash := s.sum(password)
	return subtle.ConstantTimeCompare(hash[:], s.hash[:]) == 1
}

func (s secret) sum(password string) [sha256.Size]byte {
	return sha256.Sum256(append(s.salt[:], password...))
}
