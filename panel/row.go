package panel

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"time"

	"github.com/gomeko/gomeko/panel/form"
	"github.com/gomeko/gomeko/panel/result"
	"github.com/gomeko/gomeko/panel/run"
)

const servicesPath = "/services/"

// rowPages are the pages about one row of a service: its form, and starting it.
func rowPages() []page {
	return []page{
		{pattern: "GET " + servicesPath + "{service}/{row}", serve: showRow},
		{pattern: "POST " + servicesPath + "{service}/{row}", serve: startRow},
		{pattern: "GET " + scriptPath, public: true, serve: serveFormScript},
	}
}

// scriptPath is the path of the script for forms.
const scriptPath = "/form.js"

// serveFormScript answers with the script that adds and removes rows of a form.
func serveFormScript(v *visit) error {
	v.w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	v.w.Header().Set("Cache-Control", "public, max-age=3600")
	_, err := v.w.Write([]byte(form.Script()))
	return err
}

// rowPath returns the path of a row's page.
func rowPath(service, row string) string {
	return servicesPath + url.PathEscape(service) + "/" + url.PathEscape(row)
}

// A rowPage is the data of the page of a row.
type rowPage struct {
	shownRow

	Host   *hosted
	Form   template.HTML
	Nonce  string
	Recent []shownRun
	Script string

	// Sealed and Arguments are set on the page that asks for confirmation.
	Sealed    string
	Arguments result.Value
}

// recentRuns is the number of runs that the page of a row shows.
const recentRuns = 5

// row returns the row in the path of the request, if the user may run it.
func (v *visit) row() (*rowPage, error) {
	s := v.catalog.find(v.r.PathValue("service"))
	if s == nil {
		return nil, errNotFound
	}
	row := s.row(v.r.PathValue("row"))
	if row == nil {
		return nil, errNotFound
	}
	if missing := v.user.Missing(row.Allow); missing != "" {
		return nil, forbidden(missing)
	}
	return &rowPage{shownRow: shownRow{row, s.Service, rowPath(s.Service, row.Name), ""}, Host: s, Script: scriptPath}, nil
}

// showRow shows the form of a row, which is empty or has the arguments of the run named by again.
func showRow(v *visit) error {
	row, err := v.row()
	if err != nil {
		return err
	}
	f, err := form.New(row.Host.Document, row.Name)
	if err != nil {
		return err
	}
	in := f.Blank()
	if id := v.r.URL.Query().Get("again"); id != "" {
		if in, err = v.again(row, f, id); err != nil {
			return err
		}
	}
	return v.showForm(http.StatusOK, row, in, rand.Text())
}

// again returns a form with the arguments of a run, and with the faults that a worker found in
// them.
func (v *visit) again(row *rowPage, f *form.Form, id string) (*form.Input, error) {
	x, err := v.runs.Get(v.ctx(), v.who(), id)
	if err != nil {
		return nil, v.explain(err)
	}
	q, _, err := v.runs.Again(v.ctx(), v.who(), id)
	switch {
	case err != nil:
		return nil, v.explain(err)
	case q.Service != row.Service || q.Row != row.Name:
		return nil, errNotFound
	}
	in := f.Fill(q.Arguments)
	in.Mark(x.Faults())
	return in, nil
}

// showForm answers with the page of a row.
func (v *visit) showForm(status int, row *rowPage, in *form.Input, nonce string) (err error) {
	if row.Form, err = in.HTML(); err != nil {
		return err
	}
	recent, err := v.runs.List(v.ctx(), v.who(), run.Filter{Service: row.Service, Row: row.Name, Limit: recentRuns})
	if err != nil {
		return v.explain(err)
	}
	row.Nonce, row.Recent = nonce, v.shown(recent)
	return v.render(status, "row.html", row.Heading(), row)
}

// startRow starts the run that a form describes. It shows the form again if a value is wrong, or if
// the row has changed since the browser loaded the form. It asks for confirmation if the row
// requires it.
func startRow(v *visit) error {
	row, err := v.row()
	if err != nil {
		return err
	}
	values, err := v.form()
	if err != nil {
		return err
	}
	f, err := form.New(row.Host.Document, row.Name)
	if err != nil {
		return err
	}
	if values.Has("sealed") {
		return v.startConfirmed(row, f)
	}
	in := f.Parse(values)
	nonce := values.Get("nonce")
	if nonce == "" {
		nonce = rand.Text()
	}
	if in.Edited() {
		return v.showForm(http.StatusOK, row, in, nonce)
	}
	arguments, faults := in.Arguments()
	if len(faults) > 0 {
		return v.showForm(http.StatusUnprocessableEntity, row, in, nonce)
	}
	if len(in.Changes()) > 0 { // the arguments may have another meaning now
		return v.showForm(http.StatusConflict, row, in, nonce)
	}
	if row.Confirm {
		return v.askToConfirm(row, arguments, nonce)
	}
	return v.start(run.Request{Service: row.Service, Row: row.Name, Arguments: arguments, Nonce: nonce})
}

// askToConfirm answers with a page that asks whether to run a row with these arguments.
func (v *visit) askToConfirm(row *rowPage, arguments json.RawMessage, nonce string) error {
	shown, _, err := run.Show(row.Host.Document, row.Row, arguments)
	if err != nil {
		return v.explain(err)
	}
	row.Arguments = given(shown)
	row.Sealed, err = v.seal.close(pending{v.user.Name, row.Service, row.Name, arguments, nonce, v.r.PostForm.Get("signature:"), time.Now().Add(pendingTime)})
	if err != nil {
		return err
	}
	if len(row.Sealed) > maxBody-1<<10 { // the answer contains it too
		return &http.MaxBytesError{Limit: maxBody}
	}
	return v.render(http.StatusOK, "start.html", row.Heading()+"?", row)
}

// startConfirmed starts a confirmed run, or shows its form again.
func (v *visit) startConfirmed(row *rowPage, f *form.Form) error {
	p := v.seal.open(v.r.PostForm.Get("sealed"))
	if p == nil || p.User != v.user.Name || p.Service != row.Service || p.Row != row.Name {
		return &pageError{http.StatusConflict, "This page is too old", "Nothing was started, because too much time has passed since the form was sent. Open the form again."}
	}
	in := f.Fill(p.Arguments)
	switch {
	case v.r.PostForm.Has("edit"):
		return v.showForm(http.StatusOK, row, in, rand.Text())
	case in.Compare(p.Signature):
		return v.showForm(http.StatusConflict, row, in, p.Nonce)
	}
	return v.start(run.Request{Service: p.Service, Row: p.Row, Arguments: p.Arguments, Nonce: p.Nonce})
}

// start starts a run, and opens its page.
func (v *visit) start(q run.Request) error {
	x, err := v.runs.Start(v.ctx(), v.who(), q)
	if err != nil {
		return v.explain(err)
	}
	if x.Repeated {
		v.flash(v.heading(x) + " was started before, by the same form. Nothing else was started.")
	} else {
		v.flash(v.heading(x) + " was started.")
	}
	return v.redirect(runPath(x.ID))
}

// who returns the user for package run.
func (v *visit) who() run.Who { return run.Who{User: v.user, Address: v.cfg.address(v.r)} }

// explain converts an error of package run to one for users.
func (v *visit) explain(err error) error {
	var denied *run.DeniedError
	var nonce *run.NonceError
	switch {
	case errors.As(err, &denied):
		return forbidden(denied.Group)
	case errors.As(err, &nonce):
		return &pageError{http.StatusConflict, "This form was used before", "It has started something else already. Open it again to start another run."}
	case errors.Is(err, run.ErrTooMany):
		return &pageError{http.StatusTooManyRequests, "Too many runs", "Nothing was started, because too many of your runs have not ended. Wait for some of them, or cancel them."}
	case errors.Is(err, run.ErrNotFound):
		return &pageError{http.StatusNotFound, "There is no such run", "The address may be mistyped, or the run is older than what the history keeps."}
	case errors.Is(err, run.ErrUnknownRow):
		return errNotFound
	case errors.Is(err, run.ErrArguments):
		return &pageError{http.StatusUnprocessableEntity, "The arguments do not fit", err.Error()}
	case errors.Is(err, run.ErrEnded):
		return &pageError{http.StatusConflict, "It has ended already", "There was nothing left to cancel."}
	case errors.Is(err, run.ErrStore):
		return v.ofStore(err)
	case errors.Is(err, run.ErrClosed):
		return &pageError{http.StatusServiceUnavailable, "The panel stops", "Nothing was started. Try again in a moment."}
	}
	return away(v.ctx(), err)
}
