package panel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/alexedwards/scs/v2"

	"github.com/gomeko/gomeko/panel/account"
)

// A page handles the requests of a pattern.
type page struct {
	pattern string // of an [http.ServeMux], without a host
	name    string // in the navigation; "" if the page is not in it
	tab     string // among the pages about operations; "" if the page is not a tab
	action  string // in the audit trail, if the page changes something

	// A public page needs no login. For other pages, the user must be in the groups of permission,
	// if it is set.
	public     bool
	permission string

	// serve answers the request. An error is shown as a page: a [pageError] with its text, any
	// other error as an internal fault, which is logged.
	serve func(v *visit) error
}

// allPages returns all pages, in the order of the navigation. Each file of pages adds its pages.
func (p *Panel) allPages() []page {
	return slices.Concat(homePages(), rowPages(), historyPages(), runPages(), operationsPages(), loginPages(), passwordPages(), p.signOnPages(), fallbackPages())
}

// fallbackPages handle requests that no other page handles.
func fallbackPages() []page {
	return []page{{pattern: "/", serve: func(*visit) error { return errNotFound }}}
}

// A visit is a request for a page, and the user who made it.
type visit struct {
	*Panel
	w    http.ResponseWriter
	r    *http.Request
	page *page
	user *account.User // nil if nobody is logged in

	formErr error // the error of parsing the form
}

// ctx returns the context of the request, with its session.
func (v *visit) ctx() context.Context { return v.r.Context() }

// serve returns the handler of a page.
func (p *Panel) serve(pg *page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Panel: p, w: w, r: r, page: pg}
		err := v.answer()
		if errors.Is(err, account.ErrEnded) {
			v.user = nil
			err = v.askToLogIn()
		}
		if err != nil {
			v.fail(err)
		}
	})
}

// answer reads the form, loads the session, checks the user's permission, and calls the page. It
// reads the form first, because a slow browser may take long, and the session must be current
// afterwards.
func (v *visit) answer() error {
	v.w.Header().Add("Vary", "Cookie")
	if v.r.Method == http.MethodPost {
		v.formErr = v.r.ParseForm()
	}
	token := ""
	if c, err := v.r.Cookie(v.sessions.Cookie.Name); err == nil {
		token = c.Value
	}
	ctx, err := v.sessions.Load(withLoaded(v.ctx()), token)
	if err != nil {
		return away(v.ctx(), err)
	}
	v.r = v.r.WithContext(ctx)
	if err := v.identify(); err != nil {
		return err
	}
	switch {
	case v.page.public:
	case v.user == nil:
		return v.askToLogIn()
	case v.page.permission != "":
		if missing := v.user.Missing(v.page.permission); missing != "" {
			return v.refuse(missing)
		}
	}
	return v.page.serve(v)
}

// refuse returns the error for a user who is not in a group, and records the refusal in the audit
// trail.
func (v *visit) refuse(group string) error {
	err := forbidden(group)
	if v.page.action == "" {
		return err
	}
	if recordErr := v.record("", nil, err); recordErr != nil {
		return recordErr
	}
	return err
}

// identify loads the user of the session. It ends the session if it is no longer valid.
func (v *visit) identify() error {
	name := v.sessions.GetString(v.ctx(), userKey)
	if name == "" {
		return nil
	}
	user, err := v.cfg.Accounts.User(v.ctx(), name)
	switch {
	case errors.Is(err, account.ErrUnknown) || err == nil && !v.current(user):
		return away(v.ctx(), v.sessions.Destroy(v.ctx()))
	case err != nil:
		return away(v.ctx(), err)
	}
	v.user = user
	return nil
}

// current reports whether the session is still valid for its user: the user is not disabled, and
// has the version with which the session began.
func (v *visit) current(user *account.User) bool {
	return user.Disabled.IsZero() && user.SessionVersion == v.sessions.GetInt64(v.ctx(), versionKey)
}

// askToLogIn redirects to the login, which leads back to the page.
func (v *visit) askToLogIn() error {
	target := loginPath
	if next := v.r.URL.RequestURI(); v.r.Method == http.MethodGet && next != "/" {
		target += "?" + url.Values{"next": {next}}.Encode()
	}
	return v.redirect(target)
}

// editor returns the editor with which the user changes accounts and the audit trail.
func (v *visit) editor() *account.Editor {
	return v.cfg.Accounts.As(account.Actor{Name: v.user.Name, Address: v.cfg.address(v.r)})
}

// redirect redirects the browser to a page of the panel.
func (v *visit) redirect(target string) error {
	if err := v.commit(); err != nil {
		return err
	}
	if v.r.Header.Get("HX-Request") != "" { // htmx would insert the other page into this one
		v.w.Header().Set("HX-Redirect", target)
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(v.w, v.r, target, http.StatusSeeOther)
	return nil
}

// flash keeps a message for the next page.
func (v *visit) flash(text string) { v.sessions.Put(v.ctx(), flashKey, text) }

// commit writes the session and its cookie. It must be called before the first byte of an answer.
// The error wraps [account.ErrEnded] if the session has ended since it was loaded.
func (v *visit) commit() error {
	switch v.sessions.Status(v.ctx()) {
	case scs.Modified:
		token, expiry, err := v.sessions.Commit(v.ctx())
		switch {
		case errors.Is(err, account.ErrEnded):
			return errors.Join(err, away(v.ctx(), v.sessions.Destroy(v.ctx())))
		case err != nil:
			return away(v.ctx(), err)
		}
		v.sessions.WriteSessionCookie(v.ctx(), v.w, token, expiry)
	case scs.Destroyed:
		v.sessions.WriteSessionCookie(v.ctx(), v.w, "", expired)
	}
	v.w.Header().Set("Cache-Control", "no-store")
	return nil
}

// A pageError is an error that is shown as a page.
type pageError struct {
	status      int
	title, text string
}

// Error returns the text of the page.
func (e *pageError) Error() string { return e.text }

var errNotFound = &pageError{http.StatusNotFound, "There is no such page", "The address may be mistyped, or the service has been removed."}

// forbidden returns the error for a user who is not in a group.
func forbidden(group string) error {
	return &pageError{http.StatusForbidden, "You may not do this", fmt.Sprintf("It needs the group %s, and you are not in it. Ask whoever manages the accounts to add you.", group)}
}

// An awayError is an error of the panel's database.
type awayError struct{ err error }

// Error returns the text of the database's error.
func (e *awayError) Error() string { return "database of the panel: " + e.err.Error() }

// Unwrap returns the database's error.
func (e *awayError) Unwrap() error { return e.err }

// away wraps an error of the database; it returns nil if err is nil. If the request has ended, it
// returns the error of its context.
func away(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return &awayError{err}
}

// fail answers with an error page.
func (v *visit) fail(err error) {
	var shown *pageError
	var database *awayError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &shown):
	case v.ctx().Err() != nil: // nobody reads the answer
		return
	case errors.As(err, &tooLarge):
		shown = &pageError{http.StatusRequestEntityTooLarge, "This is too much", "The form is larger than this panel accepts."}
	case errors.As(err, &database):
		v.log.Error("the panel's database failed", "path", v.r.URL.Path, "err", err)
		shown = &pageError{http.StatusServiceUnavailable, "The database is away", "The panel cannot reach its database, so it does not know who you are. Jobs go on. Try again in a moment."}
	default:
		v.log.Error("a page of the panel failed", "path", v.r.URL.Path, "err", err)
		shown = &pageError{http.StatusInternalServerError, "Something went wrong", "The panel has a fault. Its log has more about it."}
	}
	if shown.status == http.StatusServiceUnavailable {
		v.w.Header().Set("Retry-After", "5")
	}
	content := struct {
		Status      int
		Title, Text string
	}{shown.status, shown.title, shown.text}
	if err := v.write(shown.status, "error.html", shown.title, content, ""); err != nil {
		v.log.Error("a page of the panel failed", "path", v.r.URL.Path, "err", err)
		http.Error(v.w, shown.text, shown.status)
	}
}

// render answers with a template, which sees data as Page.
func (v *visit) render(status int, template, title string, data any) error {
	flash := v.sessions.PopString(v.ctx(), flashKey)
	if err := v.commit(); err != nil {
		return err
	}
	return v.write(status, template, title, data, flash)
}

// A frame is the data of every template.
type frame struct {
	Panel string // the title of the panel
	Title string // of this page
	User  *account.User
	Menu  []menuItem
	Tabs  []menuItem // of a page about operations
	Flash string     // a message about the last action
	Trial string     // what is wrong with the fleet, on all pages
	Page  any        // the data of the page
}

// A menuItem is a link of the navigation.
type menuItem struct {
	Name, Path string
	Current    bool // the link leads to this page, or to one above it
}

// write executes a template, and sends the result.
func (v *visit) write(status int, template, title string, data any, flash string) error {
	f := frame{Panel: v.cfg.Title, Title: title, User: v.user, Menu: v.menu(), Flash: flash, Page: data}
	if v.user != nil {
		f.Trial = v.catalog.trouble()
	}
	if path := v.r.URL.Path; path == operationsPath || strings.HasPrefix(path, operationsPath+"/") {
		f.Tabs = v.tabs()
	}
	text, err := v.templates.execute(template, f)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(text) // fails if the browser has disconnected
	return nil
}

// menu returns the navigation for the user.
func (v *visit) menu() (items []menuItem) {
	if v.user == nil {
		return nil
	}
	for _, p := range v.pages {
		_, path, _ := strings.Cut(p.pattern, " ")
		path = strings.TrimSuffix(path, "{$}")
		if p.name == "" || p.permission != "" && v.user.Missing(p.permission) != "" || path == operationsPath && len(v.tabs()) == 0 {
			continue
		}
		here := v.r.URL.Path
		items = append(items, menuItem{p.name, path, here == path || path != "/" && strings.HasPrefix(here, path+"/") || path == "/" && strings.HasPrefix(here, servicesPath)})
	}
	return items
}
