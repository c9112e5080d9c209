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
	userKey    = "user"    // the name of the logged-in user
	versionKey = "version" // the user's SessionVersion at the login
	flashKey   = "flash"   // a message for the next page

	signOnKey = "sign_on" // state of a login elsewhere that this browser has begun
	nextKey   = "next"    // the page after that login
)

// newSessions returns the sessions of browsers. It does not use scs.New, which starts a store in
// memory whose goroutine cannot be stopped without a race.
func (p *Panel) newSessions() *scs.SessionManager {
	m := &scs.SessionManager{
		Codec:            scs.GobCodec{},
		HashTokenInStore: true,
		IdleTimeout:      p.cfg.Idle,
		Lifetime:         p.cfg.Lifetime,
		// Without Persist, the cookie also ends with the browser.
		Cookie: scs.SessionCookie{Name: "gomeko_panel", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode},
	}
	if p.cfg.secure() {
		m.Cookie.Secure = true
		m.Cookie.Name = "__Host-" + m.Cookie.Name // browsers accept this prefix only with Secure, from this host and for all paths
	}
	m.Store = sessions{p.cfg.Accounts, m.Codec}
	return m
}

// sessions stores sessions in the database of the accounts.
type sessions struct {
	accounts *account.Accounts
	codec    scs.Codec
}

// loaded is the session of a request as read from the database. If the request does not change it,
// and extends its expiry by less than renewal, the session is not written.
type loaded struct{ session *account.Session }

const renewal = time.Minute

type loadedKey struct{}

// withLoaded returns the context for [scs.SessionManager.Load] and Commit in a request.
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

// CommitCtx writes a session. If a session that the request has loaded has ended since then, the
// error wraps [account.ErrEnded].
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

// errNoContext is the error of methods that [scs.Store] requires but that are never called.
var errNoContext = errors.New("sessions need the context of a request")

// Find is never called: FindCtx is used instead.
func (sessions) Find(string) ([]byte, bool, error) { return nil, false, errNoContext }

// Commit is never called: CommitCtx is used instead.
func (sessions) Commit(string, []byte, time.Time) error { return errNoContext }

// Delete is never called: DeleteCtx is used instead.
func (sessions) Delete(string) error { return errNoContext }
