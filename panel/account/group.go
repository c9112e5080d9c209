package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/grouppath"
)

// A Group is a path with its members.
type Group struct {
	Path    string // such as control_panel/dashboard
	Members []string
	Created time.Time
}

// longestPath is the maximum length of a group's path, in bytes.
const longestPath = 255

var groupName = regexp.MustCompile(`^[\pL\pN_.-]+$`)

// CheckPath returns an error if path cannot be that of a group. Its names, separated by /, may
// contain only letters, digits and . _ -, and the path may have at most 255 bytes.
func CheckPath(path string) error {
	var wrong error
	for name := range strings.SplitSeq(path, "/") {
		if !groupName.MatchString(name) {
			wrong = fmt.Errorf("group %q: %q must have only letters, digits and . _ -, as in control_panel/dashboard", path, name)
		}
	}
	if len(path) > longestPath {
		wrong = errors.Join(wrong, fmt.Errorf("group %q: has %d bytes, the limit is %d", path, len(path), longestPath))
	}
	return wrong
}

// AddGroup adds a group, and the groups above it that do not exist. Adding an existing group
// changes nothing.
func (e *Editor) AddGroup(ctx context.Context, path string) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	return e.change(ctx, "group.add", path, nil, func(tx *sql.Tx) error {
		for group := range grouppath.Needed(path) {
			if _, err := tx.ExecContext(ctx, `INSERT INTO gomeko_panel_group (path, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
				group, e.accounts.now().UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveGroup removes a group and the groups below it, with their members.
func (e *Editor) RemoveGroup(ctx context.Context, path string) error {
	return e.change(ctx, "group.remove", path, nil, func(tx *sql.Tx) error {
		const these = ` WHERE path = $1 OR substr(path, 1, $2) = $3`
		args := []any{path, len([]rune(path)) + 1, path + "/"}
		found, err := changed(tx.ExecContext(ctx, `DELETE FROM gomeko_panel_group`+these, args...))
		if err == nil && !found {
			err = unknownGroup(path)
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, `DELETE FROM gomeko_panel_member`+these, args...)
		}
		return err
	})
}

func unknownGroup(path string) error { return fmt.Errorf("group %s %w", path, ErrUnknown) }

// Join adds a user to a group and to the groups above it. The group must exist.
func (e *Editor) Join(ctx context.Context, user, path string) error {
	user, err := normal(user)
	if err != nil {
		return err
	}
	return e.change(ctx, "user.join", user, map[string]any{"group": path}, func(tx *sql.Tx) error {
		for _, look := range []struct{ query, arg string }{
			{`SELECT name FROM gomeko_panel_user WHERE name = $1`, user},
			{`SELECT path FROM gomeko_panel_group WHERE path = $1`, path},
		} {
			err := tx.QueryRowContext(ctx, look.query, look.arg).Scan(new(string))
			switch {
			case errors.Is(err, sql.ErrNoRows) && look.arg == user:
				return unknownUser(user)
			case errors.Is(err, sql.ErrNoRows):
				return unknownGroup(path)
			case err != nil:
				return err
			}
		}
		for group := range grouppath.Needed(path) {
			if _, err := tx.ExecContext(ctx, `INSERT INTO gomeko_panel_member (path, name) VALUES ($1, $2) ON CONFLICT DO NOTHING`, group, user); err != nil {
				return err
			}
		}
		return nil
	})
}

// Leave removes a user from a group. The user stays in the groups below it, which are locked until
// the user joins this one again.
func (e *Editor) Leave(ctx context.Context, user, path string) error {
	user, err := normal(user)
	if err != nil {
		return err
	}
	return e.change(ctx, "user.leave", user, map[string]any{"group": path}, func(tx *sql.Tx) error {
		found, err := changed(tx.ExecContext(ctx, `DELETE FROM gomeko_panel_member WHERE path = $1 AND name = $2`, path, user))
		if err == nil && !found {
			err = fmt.Errorf("user %s is not in the group %s", user, path)
		}
		return err
	})
}

// Groups returns all groups with their members. Each group follows the group above it.
func (a *Accounts) Groups(ctx context.Context) (all []Group, err error) {
	err = a.each(ctx, func(rows *sql.Rows) error {
		var g Group
		var created int64
		var member sql.NullString
		if err := rows.Scan(&g.Path, &created, &member); err != nil {
			return err
		}
		if last := len(all) - 1; last < 0 || all[last].Path != g.Path {
			g.Created = moment(created)
			all = append(all, g)
		}
		if member.Valid {
			last := &all[len(all)-1]
			last.Members = append(last.Members, member.String)
		}
		return nil
	}, `SELECT g.path, g.created_at, m.name FROM gomeko_panel_group AS g LEFT JOIN gomeko_panel_member AS m ON m.path = g.path ORDER BY g.path, m.name`)
	slices.SortFunc(all, func(a, b Group) int { return slices.Compare(strings.Split(a.Path, "/"), strings.Split(b.Path, "/")) })
	return all, err
}
