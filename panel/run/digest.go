package run

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// digestRounds makes it slow to guess hidden values from a digest, even with the database and the
// key.
const digestRounds = 100_000

// digestKey returns the key of digests, which all processes of a panel share. It is derived from
// the key of the grants, which may be kept outside of the database.
func digestKey(ctx context.Context, cfg *Config) (key []byte, err error) {
	var text string
	if cfg.Key != nil {
		text = cfg.Key.PEM()
	} else if text, err = cfg.Accounts.Secret(ctx, "run", func() (string, error) { return rand.Text(), nil }); err != nil {
		return nil, fmt.Errorf("key of digests: %w", err)
	}
	return hkdf.Key(sha256.New, []byte(text), nil, "gomeko.panel.run", 32)
}

// digest returns a text that differs for the different arguments of two requests with the same
// nonce, if the history does not keep all arguments. Otherwise, or without a nonce, it is "".
func (r *Runs) digest(x *Run, arguments json.RawMessage) (string, error) {
	if len(x.Hidden) == 0 || x.nonce == "" {
		return "", nil
	}
	given, err := object(arguments)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal([]any{x.Service, x.Row, given})
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, r.secret)
	mac.Write(text)
	sum, err := pbkdf2.Key(sha256.New, string(mac.Sum(nil)), []byte(x.User+" "+x.nonce), digestRounds, sha256.Size)
	return base64.RawStdEncoding.EncodeToString(sum), err
}
