package panel

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gomeko/gomeko/panel/account"
)

const loginPath = "/login"

// expired is an expiry that makes browsers delete a cookie.
var expired time.Time

// loginPages are the pages on which users log in and out.
func loginPages() []page {
	return []page{
		{pattern: "GET " + loginPath, public: true, serve: showLogin},
		{pattern: "POST " + loginPath, public: true, serve: logIn},
		{pattern: "POST /logout", public: true, serve: logOut},
	}
}

// A loginForm is the data of the login page.
type loginForm struct {
	Name  string // as it was typed
	Next  string // the page after login
	Fault string

	SignOn     string // the text of the button of the other login; "" if there is none
	SignOnPath string // the path at which it begins
}

func showLogin(v *visit) error {
	next := local(v.r.URL.Query().Get("next"))
	if v.user != nil {
		return v.redirect(next)
	}
	return v.render(http.StatusOK, "login.html", "Log in", v.loginForm(loginForm{Next: next}))
}

func logIn(v *visit) error {
	values, err := v.form()
	if err != nil {
		return err
	}
	form := v.loginForm(loginForm{Name: values.Get("name"), Next: local(values.Get("next"))})
	user, err := v.cfg.Accounts.Login(v.ctx(), form.Name, values.Get("password"), v.cfg.address(v.r))
	var tooMany *account.TooManyError
	switch {
	case errors.Is(err, account.ErrDenied):
		form.Fault = "The name or the password is wrong."
		return v.render(http.StatusUnauthorized, "login.html", "Log in", form)
	case errors.As(err, &tooMany):
		form.Fault = v.retryAfter(tooMany)
		return v.render(http.StatusTooManyRequests, "login.html", "Log in", form)
	case err != nil:
		return away(v.ctx(), err)
	}
	return v.begin(user, form.Next)
}

// retryAfter sets the header that says when the next login may be tried. It returns this for users.
func (v *visit) retryAfter(tooMany *account.TooManyError) string {
	wait := max(1, int(time.Until(tooMany.Until).Seconds()+1))
	v.w.Header().Set("Retry-After", strconv.Itoa(wait))
	return fmt.Sprintf("Too many logins have failed. Try again in %s.", (time.Duration(wait) * time.Second).String())
}

// begin starts the session of a user who has logged in, and opens the page next.
func (v *visit) begin(user *account.User, next string) error {
	if err := v.newSession(user); err != nil {
		return err
	}
	return v.redirect(next)
}

// newSession replaces the session by one of a user, with a new token. A token that an attacker has
// planted in the browser before is then useless.
func (v *visit) newSession(user *account.User) error {
	if err := v.sessions.Destroy(v.ctx()); err != nil {
		return away(v.ctx(), err)
	}
	v.sessions.Put(v.ctx(), userKey, user.Name)
	v.sessions.Put(v.ctx(), versionKey, user.SessionVersion)
	v.user = user
	return nil
}

func logOut(v *visit) error {
	if v.user != nil {
		if err := v.editor().Record(v.ctx(), account.Entry{Action: "logout", Object: v.user.Name}); err != nil {
			return away(v.ctx(), err)
		}
	}
	if err := v.sessions.Destroy(v.ctx()); err != nil {
		return away(v.ctx(), err)
	}
	return v.redirect(loginPath)
}

// badForm is the error of a form that cannot be read.
func badForm(err error) error {
	if errors.As(err, new(*http.MaxBytesError)) {
		return err
	}
	return &pageError{http.StatusBadRequest, "The form cannot be read", "The browser did not send a form of this panel. Open the page again, and try once more."}
}

// local returns target if it is a path on this host, and "/" otherwise: a link to the login must
// not lead to another site.
func local(target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		!strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") || strings.Contains(target, `\`) {
		return "/"
	}
	return target
}
