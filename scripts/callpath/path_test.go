package main

import "testing"

func TestPath(t *testing.T) {
	t.Parallel()
	const page = "# Page\n\n## One\n\n1. `path.go:path.summary` counts\n2. `path.go:path.reentries`\n" +
		"3. `main.go:main`\n4. `path.go:read` again\n\n## Other\n\ntext\n\n## Two\n\n1. `path.go:none`\n2. `none.go:none`\n"
	paths := read(page)
	if len(paths) != 2 {
		t.Fatalf("got %d paths, want 2", len(paths))
	}
	if got, want := paths[0].summary(), "One: 4 steps, 2 files, 1 re-entries (*)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if missing := paths[0].missing("."); missing != nil {
		t.Errorf("got %q, want nothing missing", missing)
	}
	if missing := paths[1].missing("."); len(missing) != 2 {
		t.Errorf("got %q, want two missing", missing)
	}
}
