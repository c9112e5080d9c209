package panel

import (
	"errors"
	"net/http"

	"github.com/gomeko/gomeko/panel/account"
)

const passwordPath = "/password"

// passwordPages are the pages on which users change their passwords.
func passwordPages() []page {
	return []page{
		{pattern: "GET " + passwordPath, serve: showPassword},
		{pattern: "POST " + passwordPath, serve: changePassword},
	}
}

// The names of the fields of the password page.
const (
	currentField = "current"
	newField     = "new"
	againField   = "again"
)

// A passwordField is a field of the password page. It never has a value.
type passwordField struct {
	Name, Label, Help string
	Autocomplete      string
	Fault             string
	Focus             bool
}

// renderPassword answers with the password page. faults has the fault of each faulty field.
func (v *visit) renderPassword(status int, faults map[string]string) error {
	fields := []passwordField{
		{Name: currentField, Label: "Current password", Autocomplete: "current-password"},
		{
			Name: newField, Label: "New password", Autocomplete: "new-password",
			Help: "12 to 128 characters, at least 5 of them different, without your name.",
		},
		{Name: againField, Label: "New password again", Autocomplete: "new-password"},
	}
	focus := 0
	for i := range fields {
		fields[i].Fault = faults[fields[i].Name]
		if fields[i].Fault != "" && fields[focus].Fault == "" {
			focus = i
		}
	}
	fields[focus].Focus = true
	return v.render(status, "password.html", "Change your password", struct{ Fields []passwordField }{fields})
}

// noPassword returns an error if the user logs in elsewhere only.
func (v *visit) noPassword() error {
	if v.user.HasPassword {
		return nil
	}
	return &pageError{http.StatusNotFound, "You have no password here", "You log in with an account that you have elsewhere. Change its password there."}
}

func showPassword(v *visit) error {
	if err := v.noPassword(); err != nil {
		return err
	}
	return v.renderPassword(http.StatusOK, nil)
}

// changePassword changes the password of the user. It compares the current one only if nothing else
// is wrong, since that counts as a login.
func changePassword(v *visit) error {
	if err := v.noPassword(); err != nil {
		return err
	}
	form, err := v.form()
	if err != nil {
		return err
	}
	current, password := form.Get(currentField), form.Get(newField)
	faults := map[string]string{}
	if current == "" {
		faults[currentField] = "Type your current password."
	}
	if err := account.CheckPassword(v.user.Name, password); err != nil {
		faults[newField] = sentence(err)
	} else if password != form.Get(againField) {
		faults[againField] = "The two new passwords differ."
	}
	if len(faults) > 0 {
		return v.renderPassword(http.StatusUnprocessableEntity, faults)
	}

	deadline := v.sessions.Deadline(v.ctx())
	user, err := v.editor().ChangePassword(v.ctx(), current, password)
	var tooMany *account.TooManyError
	switch {
	case errors.Is(err, account.ErrWrongPassword):
		return v.renderPassword(http.StatusUnprocessableEntity, map[string]string{currentField: sentence(err)})
	case errors.As(err, &tooMany):
		return v.renderPassword(http.StatusTooManyRequests, map[string]string{currentField: v.retryAfter(tooMany)})
	case err != nil:
		return away(v.ctx(), err)
	}
	if err := v.newSession(user); err != nil {
		return err
	}
	v.sessions.SetDeadline(v.ctx(), deadline) // the lifetime of a session begins at the login
	v.flash("Your password was changed. Your other sessions and your tokens have ended.")
	return v.redirect("/")
}
