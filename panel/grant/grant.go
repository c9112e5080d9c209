package grant

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gomeko/gomeko/internal/grouppath"
)

// Data is the name of a grant in the context data of a call or a job. The header of a message is
// nameko.gomeko_grant.
const Data = "gomeko_grant"

const (
	// Lifetime is how long the grant of an RPC is valid, at most.
	Lifetime = time.Minute

	// MaxSize is how many bytes the text of a grant has, at most.
	MaxSize = 4 << 10
)

// Limits of what a grant has, besides MaxSize.
const (
	maxName   = 255              // bytes of a user, a group, a service, a row, an id
	maxGroups = 64               // of a grant
	maxEarly  = 30 * time.Second // how far the clock of a panel may be ahead
)

// A Grant says that a user may start something.
type Grant struct {
	User      string
	Superuser bool     // may do everything; the groups do not matter
	Groups    []string // those of the user that the row's path needs: see [Needed]

	Service string
	Row     string // the name of the row in the table of the service

	Job       string // the id of a job; "" for an RPC
	Arguments string // the [Hash] of the job's arguments; "" for an RPC

	Issued  time.Time // in whole seconds
	Expires time.Time // of an RPC, at most [Lifetime] after Issued; zero for a job
}

// Needed returns those of groups that the path of a row needs: the others do not belong in a grant.
func Needed(groups []string, path string) (needed []string) {
	for group := range grouppath.Needed(path) {
		if slices.Contains(groups, group) {
			needed = append(needed, group)
		}
	}
	return needed
}

// Hash returns what a grant has of a job's arguments: a hash of the body of the job's message,
// before it is compressed.
func Hash(body []byte) string {
	sum := sha256.Sum256(body)
	return encoding.EncodeToString(sum[:])
}

// Missing returns the first group that the user needs for a path and is not in, "" if there is
// none: the user may do what the path allows. Case counts.
func (g *Grant) Missing(path string) string {
	if g.Superuser {
		return ""
	}
	return grouppath.Missing(g.Groups, path)
}

// The errors of [Keys.Verify] wrap one of these, and say more.
var (
	ErrMalformed  = errors.New("not a grant")
	ErrUnknownKey = errors.New("unknown key")
	ErrForged     = errors.New("wrong signature")
	ErrExpired    = errors.New("expired")
	ErrEarly      = errors.New("issued in the future")
	ErrElsewhere  = errors.New("for something else")
)

// encoding refuses other spellings of the same bytes.
var encoding = base64.RawURLEncoding.Strict()

// header is the first part of a grant.
type header struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ"`
	KeyID     string `json:"kid"`
}

const (
	algorithm  = "EdDSA"
	headerType = "gomeko-grant+jwt"
)

// claims are the second part of a grant.
type claims struct {
	User      string   `json:"sub"`
	Superuser bool     `json:"superuser,omitempty"`
	Groups    []string `json:"groups,omitempty"`
	Service   string   `json:"service"`
	Row       string   `json:"row"`
	Job       string   `json:"job,omitempty"`
	Arguments string   `json:"arguments,omitempty"`
	Issued    int64    `json:"iat"`
	Expires   int64    `json:"exp,omitempty"`
}

// Sign returns the text of a grant. It fails if g is not complete, contradicts itself, or has more
// than [MaxSize] bytes as a text.
func (k *Key) Sign(g Grant) (string, error) {
	c := claims{g.User, g.Superuser, g.Groups, g.Service, g.Row, g.Job, g.Arguments, g.Issued.Unix(), 0}
	if !g.Expires.IsZero() {
		c.Expires = g.Expires.Unix()
	}
	if err := c.check(); err != nil {
		return "", fmt.Errorf("grant: %w", err)
	}
	var parts [2]string
	for i, part := range []any{header{algorithm, headerType, k.id}, c} {
		text, err := json.Marshal(part)
		if err != nil {
			return "", fmt.Errorf("grant: %w", err)
		}
		parts[i] = encoding.EncodeToString(text)
	}
	text := parts[0] + "." + parts[1]
	text += "." + encoding.EncodeToString(ed25519.Sign(k.private, []byte(text)))
	if len(text) > MaxSize {
		return "", fmt.Errorf("grant: has %d bytes, the limit is %d: give it only the groups that the row needs, or the row a shorter path", len(text), MaxSize)
	}
	return text, nil
}

// Want is what a grant must be for.
type Want struct {
	Service, Row   string
	Job, Arguments string    // the id of the job, and the [Hash] of its arguments; "" for an RPC
	Now            time.Time // zero: the current time
}

// Verify returns the grant in a text, if it is signed with one of the keys, valid now and for what
// is wanted. Which groups it needs is the caller's question: see [Grant.Missing]. The errors wrap
// [ErrMalformed], [ErrUnknownKey], [ErrForged], [ErrExpired], [ErrEarly] or [ErrElsewhere].
func (k *Keys) Verify(text string, want Want) (*Grant, error) {
	c, err := k.open(text)
	if err != nil {
		return nil, fmt.Errorf("grant: %w", err)
	}
	if err := c.serves(want); err != nil {
		return nil, fmt.Errorf("grant of %q: %w", c.User, err)
	}
	return c.grant(), nil
}

// grant returns the grant of claims.
func (c *claims) grant() *Grant {
	g := &Grant{c.User, c.Superuser, c.Groups, c.Service, c.Row, c.Job, c.Arguments, time.Unix(c.Issued, 0), time.Time{}}
	if c.Expires != 0 {
		g.Expires = time.Unix(c.Expires, 0)
	}
	return g
}

// open returns the claims of a text, if the signature is right.
func (k *Keys) open(text string) (*claims, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%w: has %d bytes, the limit is %d", ErrMalformed, len(text), MaxSize)
	}
	signed, signature, _ := cutLast(text)
	first, second, ok := strings.Cut(signed, ".")
	if !ok || strings.Contains(second, ".") {
		return nil, fmt.Errorf("%w: must have three parts, separated by dots", ErrMalformed)
	}
	var h header
	if err := read(first, &h); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	if h.Algorithm != algorithm || h.Type != headerType {
		return nil, fmt.Errorf("%w: its alg is %.60q and its typ %.60q, and must be %s and %s", ErrMalformed, h.Algorithm, h.Type, algorithm, headerType)
	}
	public, ok := k.byID[h.KeyID]
	if !ok {
		return nil, fmt.Errorf("%w %.60q: add the panel's public key to those of the worker, or have the panel sign with a key that the worker has", ErrUnknownKey, h.KeyID)
	}
	sum, err := encoding.DecodeString(signature)
	if err != nil || !ed25519.Verify(public, []byte(signed), sum) {
		return nil, fmt.Errorf("%w: it was changed, or not signed with the key %s", ErrForged, h.KeyID)
	}
	c := new(claims)
	if err := read(second, c); err != nil {
		return nil, fmt.Errorf("%w: claims: %w", ErrMalformed, err)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return c, nil
}

func cutLast(text string) (before, after string, found bool) {
	if i := strings.LastIndexByte(text, '.'); i >= 0 {
		return text[:i], text[i+1:], true
	}
	return text, "", false
}

// read decodes a part. A member that it does not know is an error: it could be a restriction.
func read(part string, into any) error {
	text, err := encoding.DecodeString(part)
	if err != nil {
		return errors.New("is not base64 for URLs without padding")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("is not the expected JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("has more after its JSON")
	}
	return nil
}

// check returns what is wrong with claims whomever they are for.
func (c *claims) check() error {
	names := []struct {
		what, name string
		optional   bool
	}{{"user", c.User, false}, {"service", c.Service, false}, {"row", c.Row, false}, {"job", c.Job, true}}
	for _, n := range names {
		if n.name == "" && !n.optional {
			return fmt.Errorf("has no %s", n.what)
		}
		if err := checkName(n.what, n.name); err != nil {
			return err
		}
	}
	if len(c.Groups) > maxGroups {
		return fmt.Errorf("has %d groups, the limit is %d: give it only those that the row needs", len(c.Groups), maxGroups)
	}
	for _, group := range c.Groups {
		if group == "" {
			return errors.New("has a group without a name")
		}
		if err := checkName("group", group); err != nil {
			return err
		}
	}
	if c.Issued <= 0 || c.Issued > latest || c.Expires < 0 || c.Expires > latest {
		return errors.New("its times must be in the years 1970 to 9999")
	}
	return c.checkKind()
}

const latest = 253_402_300_799 // the end of the year 9999

func checkName(what, name string) error {
	if len(name) > maxName || !utf8.ValidString(name) {
		return fmt.Errorf("%s %.60q: must be UTF-8 of at most %d bytes", what, name, maxName)
	}
	return nil
}

// checkKind returns what is wrong with claims for an RPC or for a job.
func (c *claims) checkKind() error {
	if c.Job != "" {
		sum, err := encoding.DecodeString(c.Arguments)
		switch {
		case err != nil || len(sum) != sha256.Size:
			return errors.New("is for a job, and has no hash of its arguments")
		case c.Expires != 0:
			return errors.New("is for a job, and must not expire: the job's id and arguments limit it")
		}
		return nil
	}
	life := int64(Lifetime / time.Second)
	switch {
	case c.Arguments != "":
		return errors.New("has a hash of arguments, and no job")
	case c.Expires == 0:
		return fmt.Errorf("is for an RPC, and must expire at most %s after it was issued", Lifetime)
	case c.Expires <= c.Issued || c.Expires-c.Issued > life:
		return fmt.Errorf("is for an RPC, and expires %d s after it was issued: it must be 1 to %d s", c.Expires-c.Issued, life)
	}
	return nil
}

// serves returns why claims are not valid now for what is wanted.
func (c *claims) serves(want Want) error {
	now := want.Now
	if now.IsZero() {
		now = time.Now()
	}
	switch {
	case c.Service != want.Service || c.Row != want.Row:
		return fmt.Errorf("%w: it is for %s.%s, and is used for %s.%s", ErrElsewhere, c.Service, c.Row, want.Service, want.Row)
	case c.Job != want.Job && want.Job == "":
		return fmt.Errorf("%w: it is for job %q, and is used for an RPC", ErrElsewhere, c.Job)
	case c.Job == "" && want.Job != "":
		return fmt.Errorf("%w: it is for an RPC, and is used for job %q", ErrElsewhere, want.Job)
	case c.Job != want.Job:
		return fmt.Errorf("%w: it is for job %q, and is used for job %q", ErrElsewhere, c.Job, want.Job)
	case c.Arguments != want.Arguments:
		return fmt.Errorf("%w: it is for other arguments of job %q: have the panel start a job with these", ErrElsewhere, c.Job)
	case c.Job != "":
		return nil
	}
	if issued := time.Unix(c.Issued, 0); issued.Sub(now) > maxEarly {
		return fmt.Errorf("%w: at %s, and it is %s: compare the clocks of the panel and of this host", ErrEarly, clock(issued), clock(now))
	}
	if expires := time.Unix(c.Expires, 0); !now.Before(expires) {
		return fmt.Errorf("%w at %s, and it is %s: start it again, or compare the clocks of the panel and of this host", ErrExpired, clock(expires), clock(now))
	}
	return nil
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
