package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/service"
)

// LevelChange is the argument of the verb level, and also a process's answer: gomeko.level/v1.
type LevelChange struct {
	Level string `json:"level"` // debug, info, warn or error
	For   string `json:"for"`   // for how long, as in "5m"; in an answer, "0s" means until the next change
}

// maxLevelTime limits how long a changed level may last, because a fleet that logs at debug fills
// disks.
const maxLevelTime = 24 * time.Hour

// A leveller changes the level of a process's log temporarily.
type leveller struct {
	host  *service.Host
	level *slog.LevelVar // nil if the process cannot change its level

	mu       sync.Mutex
	original slog.Level
	back     *time.Timer // nil while the level is the original
}

func newLeveller(h *service.Host, level *slog.LevelVar) *leveller {
	return &leveller{host: h, level: level}
}

// answer answers the verb level.
func (l *leveller) answer(_ context.Context, r control.Request) (any, error) {
	var change LevelChange
	var level slog.Level
	if l.level == nil {
		return nil, errors.New("this process logs with a logger of its own: pass its level as fleet.ControlConfig.Level, or runner.Config.Level")
	}
	if err := json.Unmarshal(r.Arguments, &change); err != nil {
		return nil, fmt.Errorf("arguments: %w", err)
	}
	if err := level.UnmarshalText([]byte(change.Level)); err != nil {
		return nil, fmt.Errorf("level %.20q: must be debug, info, warn or error", change.Level)
	}
	d, err := time.ParseDuration(change.For)
	if err != nil || d <= 0 || d > maxLevelTime {
		return nil, fmt.Errorf("for %.20q: must be a duration of at most %s, such as 5m", change.For, maxLevelTime)
	}
	l.change(level, d)
	l.host.Logger().Warn("log level changed", "level", level, "for", d, "user_id", r.User)
	return LevelChange{Level: level.String(), For: d.String()}, nil
}

// change sets the level for the duration d. A later change replaces it. Afterwards, the level
// returns to its value before the first change.
func (l *leveller) change(level slog.Level, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.back == nil {
		l.original = l.level.Level()
	} else {
		l.back.Stop()
	}
	l.level.Set(level)
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.back == timer { // otherwise, another change came at the last moment
			l.level.Set(l.original)
			l.back = nil
			l.host.Logger().Info("log level restored", "level", l.original)
		}
	})
	l.back = timer
}

// current returns the level, or "" if it is unknown.
func (l *leveller) current() string {
	if l.level == nil {
		return ""
	}
	return l.level.Level().String()
}
