package transport

import "sync"

// A nameLock locks names. Operations on different names do not wait for each other.
type nameLock struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when the name is unlocked
}

// lock waits until none of the names is locked, and locks all of them. Call unlock to unlock them.
func (l *nameLock) lock(names ...string) (unlock func()) {
	for {
		taken := l.take(names)
		if taken == nil {
			return func() { l.unlock(names) }
		}
		<-taken
	}
}

// take locks all names. If one of them is already locked, it locks none, and returns a channel that
// is closed when that one is unlocked.
func (l *nameLock) take(names []string) (taken chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		if held := l.held[name]; held != nil {
			return held
		}
	}
	if l.held == nil {
		l.held = map[string]chan struct{}{}
	}
	for _, name := range names {
		l.held[name] = make(chan struct{})
	}
	return nil
}

func (l *nameLock) unlock(names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		close(l.held[name])
		delete(l.held, name)
	}
}
