package runner

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long nothing must change before a change is reported, because editors and version
// control write several files at once.
const quiet = 100 * time.Millisecond

// A change says what has changed since the last one.
type change struct {
	code     bool // the files from which the program is built
	settings bool // the configuration or .env
}

// A watcher watches the Go files below some folders, and other files.
type watcher struct {
	fs      *fsnotify.Watcher
	changes chan change // closed by close
	reader  sync.WaitGroup

	settings map[string]bool // paths of settings files

	mu       sync.Mutex
	embedded map[string]bool // paths of files that the program embeds
}

// watch watches the folders of modules, and the files of settings.
func watch(folders, settings []string) (*watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watcher{fs: notify, changes: make(chan change), settings: map[string]bool{}}
	for _, file := range settings {
		path, err := filepath.Abs(file)
		if err == nil {
			w.settings[path] = true
			err = notify.Add(filepath.Dir(path)) // editors replace files
		}
		if err != nil {
			return nil, errors.Join(err, notify.Close())
		}
	}
	for _, folder := range folders {
		if err := w.add(folder); err != nil {
			return nil, errors.Join(err, notify.Close())
		}
	}
	w.reader.Go(w.read)
	return w, nil
}

// close ends the watcher.
func (w *watcher) close() {
	_ = w.fs.Close()
	for range w.changes { // nobody receives them any more
	}
	w.reader.Wait()
}

// embed sets the files that the program embeds.
func (w *watcher) embed(files []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.embedded = map[string]bool{}
	for _, file := range files {
		w.embedded[file] = true
	}
}

// add watches a folder and its subfolders, except those that the go command ignores.
func (w *watcher) add(folder string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // it is gone already
		case err != nil || !entry.IsDir():
			return err
		case path != folder && (hiddenName(entry.Name()) || entry.Name() == "node_modules"):
			return fs.SkipDir
		}
		return w.fs.Add(path)
	})
}

// hiddenName reports whether the go command ignores a name. These include editors' temporary files.
func hiddenName(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

// read reports changes once nothing has changed for the time quiet.
func (w *watcher) read() {
	defer close(w.changes)
	var pending change
	timer := time.NewTimer(quiet)
	timer.Stop()
	var out chan change // nil until pending is reported
	for {
		select {
		case e, ok := <-w.fs.Events:
			if !ok {
				return
			}
			now := w.classify(e)
			if now == (change{}) {
				continue
			}
			pending = change{pending.code || now.code, pending.settings || now.settings}
			out = nil
			timer.Reset(quiet)
		case _, ok := <-w.fs.Errors: // an overflow: something has changed
			if !ok {
				return
			}
			pending = change{code: true, settings: true}
			timer.Reset(quiet)
		case <-timer.C:
			out = w.changes
		case out <- pending:
			pending, out = change{}, nil
		}
	}
}

// classify returns what an event means. It also begins to watch new folders.
func (w *watcher) classify(e fsnotify.Event) change {
	if e.Op == fsnotify.Chmod {
		return change{}
	}
	path, err := filepath.Abs(e.Name)
	if err != nil {
		return change{}
	}
	name := filepath.Base(path)
	w.mu.Lock()
	embedded := w.embedded[path]
	w.mu.Unlock()
	switch {
	case w.settings[path]:
		return change{settings: true}
	case embedded:
		return change{code: true}
	case hiddenName(name):
		return change{}
	case name == "go.mod", name == "go.sum", name == "go.work", strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
		return change{code: true}
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() && e.Has(fsnotify.Create) && name != "node_modules" {
		return change{code: w.add(path) == nil && hasGo(path)} // files may have been written before the watch began
	}
	return change{}
}

// hasGo reports whether there are Go files below a folder.
func hasGo(folder string) (found bool) {
	_ = filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}
