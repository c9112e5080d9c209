package panel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/gomeko/gomeko/panel/account"
)

// Keys of a session.
const (
	userKey  = "user"  // the name of the user who has logged in
	flashKey = "flash" // a message for the next page

	signOnKey = "sign_on" // what a login elsewhere needs that this browser has begun
	nextKey   = "next"    // the page after it
)

// newSessions returns the sessions of browsers. scs.New is not used because it starts a store in
// memory, whose goroutine cannot be stopped without a race.
func (p *Panel) newSessions() *scs.SessionManager {
	m := &scs.SessionManager{
		Codec:            scs.GobCodec{},
		HashTokenInStore: true,
		IdleTimeout:      p.cfg.Idle,
		Lifetime:         p.cfg.Lifetime,
		// Without Persist, the cookie ends with the browser, too.
		Cookie: scs.SessionCookie{Name: "gomeko_panel", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode},
	}
	if p.cfg.secure() {
		m.Cookie.Secure = true
		m.Cookie.Name = "__Host-" + m.Cookie.Name // browsers take it only with Secure, from this host and for all paths
	}
	m.Store = sessions{p.cfg.Accounts, m.Codec}
	return m
}

// sessions is the store of sessions in the database of the accounts.
type sessions struct {
	accounts *account.Accounts
	codec    scs.Codec
}

// loaded is the session of a request as the database has it. A request whose session has not
// changed and whose expiry is put off by less than renewal is not written.
type loaded struct{ session *account.Session }

const renewal = time.Minute

type loadedKey struct{}

// withLoaded returns the context of a request for [scs.SessionManager.Load] and Commit.
func withLoaded(ctx context.Context) context.Context {
	return context.WithValue(ctx, loadedKey{}, &loaded{})
}

// FindCtx returns the data of a session.
func (s sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	session, err := s.accounts.Session(ctx, token)
	if err != nil || session == nil {
		return nil, false, err
	}
	if l, ok := ctx.Value(loadedKey{}).(*loaded); ok {
		l.session = session
	}
	return session.Data, true, nil
}

// CommitCtx writes a session. One that the request has loaded may have ended since then: the error
// wraps [account.ErrEnded].
func (s sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	l, _ := ctx.Value(loadedKey{}).(*loaded)
	known := l != nil && l.session != nil && l.session.Token == token
	if known && bytes.Equal(l.session.Data, data) && expiry.Sub(l.session.Expires) < renewal {
		return nil
	}
	_, values, err := s.codec.Decode(data)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	user, _ := values[userKey].(string)
	session := account.Session{Token: token, User: user, Data: data, Expires: expiry}
	if known {
		return s.accounts.UpdateSession(ctx, session)
	}
	return s.accounts.SaveSession(ctx, session)
}

// DeleteCtx ends a session.
func (s sessions) DeleteCtx(ctx context.Context, token string) error {
	return s.accounts.EndSession(ctx, token)
}

// errNoContext is the error of the methods that [scs.Store] needs, and which are not called.
var errNoContext = errors.New("sessions need the context of a request")

// Find is not called: there is FindCtx.
func (sessions) Find(string) ([]byte, bool, error) { return nil, false, errNoContext }

// Commit is not called: there is CommitCtx.
func (sessions) Commit(string, []byte, time.Time) error { return errNoContext }

// Delete is not called: there is DeleteCtx.
func (sessions) Delete(string) error { return errNoContext }
