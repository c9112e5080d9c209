package panel

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gomeko/gomeko/panel/account"
)

// A pending is a run that its user must still confirm. The page that asks for confirmation contains
// it sealed, because its arguments may be sensitive and belong neither in a page nor in the
// database.
type pending struct {
	User      string          `json:"user"`
	Service   string          `json:"service"`
	Row       string          `json:"row"`
	Arguments json.RawMessage `json:"arguments"`
	Nonce     string          `json:"nonce"`
	Signature string          `json:"signature"` // of the form
	Until     time.Time       `json:"until"`
}

// pendingTime is how long a user may take to confirm.
const pendingTime = time.Hour

// A seal encrypts data that a page carries from one request to the next.
type seal struct{ aead cipher.AEAD }

// newSeal returns the seal that all processes of the panel share.
func newSeal(ctx context.Context, accounts *account.Accounts) (*seal, error) {
	text, err := accounts.Secret(ctx, "seal", func() (string, error) { return rand.Text(), nil })
	if err != nil {
		return nil, fmt.Errorf("key of pages: %w", err)
	}
	key, err := hkdf.Key(sha256.New, []byte(text), nil, "gomeko.panel.seal", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &seal{aead}, err
}

// close seals a pending into a text.
func (s *seal) close(p pending) (string, error) {
	text, err := json.Marshal(p)
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, text, nil)), err
}

// open returns the pending in a text, or nil if the text is not valid, or no longer.
func (s *seal) open(text string) *pending {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	plain, err := s.aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return nil
	}
	p := new(pending)
	if json.Unmarshal(plain, p) != nil || time.Now().After(p.Until) {
		return nil
	}
	return p
}
