package panel

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/gomeko/gomeko/panel/account"
)

// CallbackPath is the path to which a [SignOn] sends browsers back. Its redirect URL is the URL of
// the panel with this path.
const CallbackPath = "/login/callback"

// signOnPath is the path at which a login elsewhere begins.
const signOnPath = "/login/begin"

// A SignOn lets users log in with an account that they have elsewhere. Package panel/oidc
// implements it for OpenID providers. Several goroutines use it.
type SignOn interface {
	// Title is the text of the button, after "Log in with".
	Title() string

	// Begin returns the URL to which to send the browser, and state to keep in its session until it
	// returns.
	Begin(ctx context.Context) (target, kept string, err error)

	// Finish returns the identity of the user who has logged in. kept is the state that Begin
	// returned for this browser, or "" if its session has none, and answer is the query with which
	// the browser returned. An error that wraps [account.ErrRefused] is shown to the user; any
	// other one means that nobody can log in this way at the moment.
	Finish(ctx context.Context, kept string, answer url.Values) (account.Identity, error)
}

// signOnPages are the pages for users who have an account elsewhere.
func (p *Panel) signOnPages() []page {
	if p.cfg.SignOn == nil {
		return nil
	}
	return []page{
		{pattern: "GET " + signOnPath, public: true, serve: beginSignOn},
		{pattern: "GET " + CallbackPath, public: true, serve: finishSignOn},
	}
}

// beginSignOn redirects the browser to the site where the user has an account.
func beginSignOn(v *visit) error {
	next := local(v.r.URL.Query().Get("next"))
	if v.user != nil {
		return v.redirect(next)
	}
	target, kept, err := v.cfg.SignOn.Begin(v.ctx())
	if err != nil {
		return v.signOnFailed(err)
	}
	v.sessions.Put(v.ctx(), signOnKey, kept)
	v.sessions.Put(v.ctx(), nextKey, next)
	return v.redirect(target)
}

// finishSignOn starts the session of a user whose browser has returned. The kept state is used
// once, whatever the result.
func finishSignOn(v *visit) error {
	kept, next := v.sessions.PopString(v.ctx(), signOnKey), local(v.sessions.PopString(v.ctx(), nextKey))
	if v.user != nil && kept == "" { // the page was opened again
		return v.redirect("/")
	}
	id, err := v.cfg.SignOn.Finish(v.ctx(), kept, v.r.URL.Query())
	if err != nil {
		return v.signOnRefused(err, kept != "")
	}
	user, err := v.cfg.Accounts.LoginAs(v.ctx(), id, v.cfg.address(v.r))
	switch {
	case errors.Is(err, account.ErrRefused):
		return v.loginFault(http.StatusForbidden, err)
	case err != nil:
		return away(v.ctx(), err)
	}
	return v.begin(user, next)
}

// signOnRefused answers when a login elsewhere was refused. The audit trail records it only if this
// browser has begun a login, because anybody can open the address of the callback.
func (v *visit) signOnRefused(err error, begun bool) error {
	if !errors.Is(err, account.ErrRefused) {
		return v.signOnFailed(err)
	}
	if begun {
		entry := account.Entry{Action: "login", Failed: err.Error()}
		if err := v.cfg.Accounts.As(account.Actor{Address: v.cfg.address(v.r)}).Record(v.ctx(), entry); err != nil {
			return away(v.ctx(), err)
		}
	}
	return v.loginFault(http.StatusForbidden, err)
}

// signOnFailed answers when no login elsewhere is possible. Users with a password can still log in.
func (v *visit) signOnFailed(err error) error {
	if v.ctx().Err() != nil {
		return context.Cause(v.ctx())
	}
	v.log.Warn("nobody can log in elsewhere", "sign_on", v.cfg.SignOn.Title(), "err", err)
	v.w.Header().Set("Retry-After", "5")
	return v.loginFault(http.StatusServiceUnavailable, errors.New("the other login does not answer: try again in a moment"))
}

// loginFault shows the login page with an error.
func (v *visit) loginFault(status int, err error) error {
	text := []rune(err.Error())
	if len(text) > 0 && text[0] >= 'a' && text[0] <= 'z' {
		text[0] -= 'a' - 'A'
	}
	return v.render(status, "login.html", "Log in", v.loginForm(loginForm{Fault: string(text) + "."}))
}

// loginForm adds the button of the other login to a form.
func (v *visit) loginForm(form loginForm) loginForm {
	if v.cfg.SignOn == nil {
		return form
	}
	form.SignOn, form.SignOnPath = v.cfg.SignOn.Title(), signOnPath
	if form.Next != "" && form.Next != "/" {
		form.SignOnPath += "?" + url.Values{"next": {form.Next}}.Encode()
	}
	return form
}
