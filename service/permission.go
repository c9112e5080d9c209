package service

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// permissionPath is a path of groups: control_panel/services/orders.
var permissionPath = regexp.MustCompile(`^/?[\pL\pN_-][\pL\pN_.-]*(/[\pL\pN_-][\pL\pN_.-]*)*$`)

// checkPermission returns the mistake in a value of the key allow, nil if there is none.
func checkPermission(path string) error {
	if permissionPath.MatchString(path) {
		return nil
	}
	return fmt.Errorf("allow: %q is not a path of groups: write names of letters, digits, _, - and . with one / between them, as in control_panel/orders", path)
}

// readPermission reads the keys of a row's tag that say who may run it from a control panel, and
// how.
func (r *Row) readPermission() error {
	var mistakes []error
	if path, ok := r.Tag.lookup("allow"); ok {
		err := checkPermission(path)
		mistakes = append(mistakes, err)
		if alone := strings.HasPrefix(path, "/"); !alone && r.hosted.allow != "" {
			path = r.hosted.allow + "/" + path
		}
		if err == nil {
			r.allow = strings.TrimPrefix(path, "/")
		}
	}
	confirm, err := r.Tag.Flag("confirm", false)
	if r.confirm = confirm; err == nil && confirm && r.Tag.Get("allow") == "" {
		err = errors.New("confirm: has no effect without allow: add it, or remove confirm")
	}
	return errors.Join(append(mistakes, err)...)
}

// Permission returns the path of groups that people need to run the row from a control panel, such
// as control_panel/services/orders. It is the key allow of the row's tag, appended to that of the
// service unless it begins with /. "" means that the row is not for control panels. A [Guard]
// refuses calls by other people.
func (r *Row) Permission() string { return r.allow }

// Confirm reports whether a control panel asks for confirmation before it runs the row, which is
// the key confirm of the row's tag.
func (r *Row) Confirm() bool { return r.confirm }
