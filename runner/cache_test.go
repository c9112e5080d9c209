//go:build unix

package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Programs are kept only in folders that no other user can change, and only program folders are
// removed.
func TestProgramFolder(t *testing.T) {
	const old = "0123456789abcdef" // the name of a program's folder
	found := []*found{{Dir: "/src/orders", ImportPath: "example.org/orders"}}
	for _, test := range []struct {
		name string
		make func(t *testing.T, cache, victim string)
		kept []string // below the cache
		gone []string
		want string // in the error
	}{
		{name: "empty", make: func(*testing.T, string, string) {}, kept: []string{"gomeko/run/" + fingerprint(found)}},
		{name: "old", make: func(t *testing.T, cache, victim string) {
			age(t, filepath.Join(cache, "gomeko/run", old))
			age(t, filepath.Join(cache, "gomeko/run/notes"))
			link(t, victim, filepath.Join(cache, "gomeko/run/fedcba9876543210"))
		}, gone: []string{"gomeko/run/" + old}, kept: []string{"gomeko/run/notes", "gomeko/run/fedcba9876543210"}},
		{name: "open to others", make: func(t *testing.T, cache, _ string) {
			age(t, filepath.Join(cache, "gomeko/run"))
			chmod(t, filepath.Join(cache, "gomeko"), 0o777)
		}, kept: []string{"gomeko/run"}},
		{name: "a link", make: func(t *testing.T, cache, victim string) { link(t, victim, filepath.Join(cache, "gomeko")) },
			want: "is not a folder"},
		{name: "a link below", make: func(t *testing.T, cache, victim string) { link(t, victim, filepath.Join(cache, "gomeko/run")) },
			want: "is not a folder"},
		{name: "a link to a program", make: func(t *testing.T, cache, victim string) {
			link(t, victim, filepath.Join(cache, "gomeko/run", fingerprint(found)))
		}, want: "is not a folder"},
		{name: "of another user", make: func(t *testing.T, cache, _ string) {
			age(t, filepath.Join(cache, "gomeko/run"))
			if err := os.Chown(filepath.Join(cache, "gomeko/run"), os.Geteuid()+1, -1); err != nil {
				t.Skip("only root can make a folder of another user")
			}
		}, want: "belongs to another user"},
		{name: "shared", make: func(t *testing.T, cache, _ string) { chmod(t, cache, 0o777) }, want: "other users can change "},
		{name: "shared and sticky", make: func(t *testing.T, cache, _ string) { chmod(t, cache, 0o777|os.ModeSticky) }, kept: []string{"gomeko/run"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cache, victim := t.TempDir(), t.TempDir()
			t.Setenv("XDG_CACHE_HOME", cache)
			t.Setenv("HOME", cache) // of the cache on macOS
			if dir, err := os.UserCacheDir(); err != nil || dir != cache {
				t.Skip("the cache is elsewhere: " + dir)
			}
			age(t, filepath.Join(victim, old))
			age(t, filepath.Join(victim, "run", old))
			test.make(t, cache, victim)
			folder, err := programFolderOf(found)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %s", err, test.want)
			}
			for _, name := range []string{old, "run/" + old} {
				if _, err := os.Stat(filepath.Join(victim, name)); err != nil {
					t.Errorf("the folder behind the link was emptied: %v", err)
				}
			}
			for _, name := range test.kept {
				if _, err := os.Lstat(filepath.Join(cache, name)); err != nil {
					t.Error(err)
				}
			}
			for _, name := range test.gone {
				if _, err := os.Lstat(filepath.Join(cache, name)); !os.IsNotExist(err) {
					t.Errorf("%s: got %v, want it removed", name, err)
				}
			}
			if err != nil {
				return
			}
			for path := folder.path; path != cache; path = filepath.Dir(path) {
				if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o700 {
					t.Errorf("%s: got mode %v, %v, want 0700", path, info.Mode(), err)
				}
			}
		})
	}
}

// age creates a folder that was not used for a long time.
func age(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-2 * keepPrograms)
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
