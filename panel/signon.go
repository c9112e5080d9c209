package panel

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/gomeko/gomeko/panel/account"
)

// CallbackPath is the path to which a [SignOn] sends browsers back: its redirect URL is that of the
// panel with this path.
const CallbackPath = "/login/callback"

// signOnPath begins a login elsewhere.
const signOnPath = "/login/begin"

// A SignOn lets people log in with an account that they have elsewhere. Package panel/oidc has one
// for OpenID providers. Several goroutines use it.
type SignOn interface {
	// Title is the text of the button, after "Log in with".
	Title() string

	// Begin returns where to send the browser, and what to keep in its session until it is back.
	Begin(ctx context.Context) (target, kept string, err error)

	// Finish returns who has logged in. kept is what Begin has returned for this browser, "" if its
	// session has nothing, and answer is the query with which the browser is back. An error that wraps
	// [account.ErrRefused] is shown to people; any other one means that nobody can log in at the
	// moment.
	Finish(ctx context.Context, kept string, answer url.Values) (account.Identity, error)
}

// signOnPages let people in who have an account elsewhere.
func (p *Panel) signOnPages() []page {
	if p.cfg.SignOn == nil {
		return nil
	}
	return []page{
		{pattern: "GET " + signOnPath, public: true, serve: beginSignOn},
		{pattern: "GET " + CallbackPath, public: true, serve: finishSignOn},
	}
}

// beginSignOn sends the browser to where its user has an account.
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

// finishSignOn begins the session of a user who is back. What was kept is used once, whatever the
// outcome.
func finishSignOn(v *visit) error {
	kept, next := v.sessions.PopString(v.ctx(), signOnKey), local(v.sessions.PopString(v.ctx(), nextKey))
	if v.user != nil && kept == "" { // a page that was opened again
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

// signOnRefused answers a login that has failed elsewhere. It is in the audit trail if this browser
// has begun one: anybody can open the address of the callback.
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

// signOnFailed answers while nobody can log in elsewhere. People with a password can.
func (v *visit) signOnFailed(err error) error {
	if v.ctx().Err() != nil {
		return context.Cause(v.ctx())
	}
	v.log.Warn("nobody can log in elsewhere", "sign_on", v.cfg.SignOn.Title(), "err", err)
	v.w.Header().Set("Retry-After", "5")
	return v.loginFault(http.StatusServiceUnavailable, errors.New("the other login does not answer: try again in a moment"))
}

// loginFault shows the page of the login with a fault.
func (v *visit) loginFault(status int, err error) error {
	text := []rune(err.Error())
	if len(text) > 0 && text[0] >= 'a' && text[0] <= 'z' {
		text[0] -= 'a' - 'A'
	}
	return v.render(status, "login.html", "Log in", v.loginForm(loginForm{Fault: string(text) + "."}))
}

// loginForm returns a form of the login, with the button of the other one.
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
