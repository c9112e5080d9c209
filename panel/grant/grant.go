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

// Data is the name of a grant in the context data of a call or a job. The message header is
// nameko.gomeko_grant.
const Data = "gomeko_grant"

const (
	// Lifetime is how long the grant of an RPC may be valid.
	Lifetime = time.Minute

	// MaxSize is the maximum size of a grant's text, in bytes.
	MaxSize = 4 << 10
)

// Other limits of a grant.
const (
	maxName   = 255              // bytes of a user, a group, a service, a row, an id
	maxGroups = 64               // of a grant
	maxEarly  = 30 * time.Second // how far the clock of a panel may be ahead
)

// A Grant states that a user may start something.
type Grant struct {
	User      string
	Superuser bool     // may do everything, regardless of groups
	Groups    []string // the user's groups, of those that the row's path requires: see [Needed]

	Service string
	Row     string // the name of the row in the table of the service

	Job       string // the id of a job; "" for an RPC
	Arguments string // the [Hash] of the job's arguments; "" for an RPC

	Issued  time.Time // in whole seconds
	Expires time.Time // of an RPC, at most [Lifetime] after Issued; zero for a job
}

// Needed returns those groups that the path of a row requires. Others do not belong in a grant.
func Needed(groups []string, path string) (needed []string) {
	for group := range grouppath.Needed(path) {
		if slices.Contains(groups, group) {
			needed = append(needed, group)
		}
	}
	return needed
}

// Hash returns the value of [Grant.Arguments] for a job: a hash of the body of the job's message,
// before it is compressed.
func Hash(body []byte) string {
	sum := sha256.Sum256(body)
	return encoding.EncodeToString(sum[:])
}

// Missing returns the first group that path requires and the user is not in. It returns "" if the
// user may do what the path allows. Groups are case-sensitive.
func (g *Grant) Missing(path string) string {
	if g.Superuser {
		return ""
	}
	return grouppath.Missing(g.Groups, path)
}

// The errors of [Keys.Verify] wrap one of these, and add details.
var (
	ErrMalformed  = errors.New("not a grant")
	ErrUnknownKey = errors.New("unknown key")
	ErrForged     = errors.New("wrong signature")
	ErrExpired    = errors.New("expired")
	ErrEarly      = errors.New("issued in the future")
	ErrElsewhere  = errors.New("for something else")
)

// encoding rejects other encodings of the same bytes.
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

// Sign returns the text of a grant. It returns an error if g is incomplete or contradictory, or if
// the text is longer than [MaxSize].
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

// Want describes what a grant must be for.
type Want struct {
	Service, Row   string
	Job, Arguments string    // the id of the job, and the [Hash] of its arguments; "" for an RPC
	Now            time.Time // zero means the current time
}

// Verify returns the grant in a text if it is signed with one of the keys, valid now, and for what
// want describes. It does not check groups: call [Grant.Missing]. Errors wrap [ErrMalformed],
// [ErrUnknownKey], [ErrForged], [ErrExpired], [ErrEarly] or [ErrElsewhere].
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

// grant returns the grant that the claims describe.
func (c *claims) grant() *Grant {
	g := &Grant{c.User, c.Superuser, c.Groups, c.Service, c.Row, c.Job, c.Arguments, time.Unix(c.Issued, 0), time.Time{}}
	if c.Expires != 0 {
		g.Expires = time.Unix(c.Expires, 0)
	}
	return g
}

// open returns the claims in a text, if the signature is valid.
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

// read decodes a part. An unknown member is an error, because it could be a restriction.
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

// check returns an error if the claims are invalid, whatever they are for.
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

// checkKind returns an error if the claims are invalid for an RPC or for a job, whichever they are
// for.
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

// serves returns an error if the claims are not valid now, or not for what is wanted.
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
