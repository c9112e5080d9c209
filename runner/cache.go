package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// keepPrograms is how long a program is kept after its last run.
const keepPrograms = 7 * 24 * time.Hour

// A programFolder is a program's folder in the user's cache: it holds the program and the files
// from which it was built.
type programFolder struct{ path string }

// programFolderOf returns the folder of the program for a list of packages. It removes the folders
// of programs that have not run for a long time.
//
// Other users must not be able to put a program there, or to redirect the removal to another
// folder. So the folders must belong to the user and be closed to others, and symbolic links are
// refused.
func programFolderOf(packages []*found) (*programFolder, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("no cache folder for the program: %w", err)
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return nil, err
	}
	if err := guarded(cache); err != nil {
		return nil, err
	}
	path := cache
	for _, name := range []string{"gomeko", "run", fingerprint(packages)} {
		path = filepath.Join(path, name)
		if err := ownFolder(path); err != nil {
			return nil, err
		}
	}
	now := time.Now()
	if err := os.Chtimes(path, now, now); err != nil {
		return nil, err
	}
	return &programFolder{path}, removeOld(filepath.Dir(path))
}

// ownFolder creates a folder that only this user can enter, or checks that it is one.
func ownFolder(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder: remove it, so that gomeko run can keep programs there", path)
	case !mine(info):
		return fmt.Errorf("%s belongs to another user, who could replace the programs in it: set XDG_CACHE_HOME to a folder of your own", path)
	case open(info):
		return os.Chmod(path, 0o700)
	}
	return nil
}

// guarded returns an error if other users may replace the folders in a folder.
func guarded(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if replaceable(info) {
		return fmt.Errorf("other users can change %s, and so replace programs in it: set XDG_CACHE_HOME to a folder of your own", path)
	}
	return nil
}

// programName matches the names of program folders.
var programName = regexp.MustCompile(`^[0-9a-f]{16}$`)

// removeOld removes the folders of programs that have not run for a long time, and nothing else.
func removeOld(programs string) error {
	root, err := os.OpenRoot(programs)
	if err != nil {
		return err
	}
	defer root.Close()
	entries, err := os.ReadDir(programs)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := root.Lstat(entry.Name())
		if err == nil && info.IsDir() && programName.MatchString(entry.Name()) && time.Since(info.ModTime()) > keepPrograms {
			_ = root.RemoveAll(entry.Name()) // it may be in use on Windows
		}
	}
	return nil
}

// file returns the path of a file in the folder.
func (f *programFolder) file(name string) string { return filepath.Join(f.path, name) }

// write writes a file unless it already has that text, because the go command rebuilds when a file
// is newer.
func (f *programFolder) write(name, text string) error {
	path := f.file(name)
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return nil
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
