package panel

import (
	"errors"
	"sync"

	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/run"
)

// mayWatch reports whether the session is still valid, and its user may still see the run.
func (v *visit) mayWatch() (bool, error) {
	l, _ := v.ctx().Value(loadedKey{}).(*loaded)
	if l == nil || l.session == nil {
		return false, nil
	}
	session, err := v.cfg.Accounts.Session(v.ctx(), l.session.Token)
	if err != nil || session == nil {
		return false, err
	}
	user, err := v.cfg.Accounts.User(v.ctx(), session.User)
	switch {
	case errors.Is(err, account.ErrUnknown):
		return false, nil
	case err != nil:
		return false, err
	case !v.current(user):
		return false, nil
	}
	v.user = user
	_, err = v.runs.Get(v.ctx(), v.who(), v.r.PathValue("id"))
	if errors.Is(err, run.ErrNotFound) || errors.As(err, new(*run.DeniedError)) {
		return false, nil
	}
	return err == nil, err
}

// maxStreams limits the streams that a user may have open.
const maxStreams = 20

// streams counts the open streams of each user.
type streams struct {
	mu   sync.Mutex
	open map[string]int
}

// begin counts a stream. It returns false if the user has too many already.
func (s *streams) begin(user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[user] >= maxStreams {
		return false
	}
	if s.open == nil {
		s.open = map[string]int{}
	}
	s.open[user]++
	return true
}

func (s *streams) end(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[user]--; s.open[user] == 0 {
		delete(s.open, user)
	}
}
