package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestParseDotenv(t *testing.T) {
	t.Parallel()
	got, err := parseDotenv("# comment\n\nA=1\nexport B = two words # why\nC='a # b'\nD=\"x=y\"\nE=\n9=x\nF='open\nno\n")
	if want := "[[A 1] [B two words] [C a # b] [D x=y] [E ]]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if want := ".env:8: must be NAME=VALUE\n.env:9: F has a quote that is not closed\n.env:10: must be NAME=VALUE"; fmt.Sprint(err) != want {
		t.Errorf("got the error %v, want %s", err, want)
	}
}

// Environment variables take precedence. Variables that the file no longer contains are unset.
func TestDotenv(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("GOMEKO_TEST_GIVEN", "given")
	var d dotenv
	for _, test := range []struct{ text, given, other string }{
		{"GOMEKO_TEST_GIVEN=x\nGOMEKO_TEST_OTHER=1\n", "given", "1"},
		{"GOMEKO_TEST_OTHER=2\n", "given", "2"},
		{"", "given", ""},
	} {
		if err := os.WriteFile(filepath.Join(".", dotenvFile), []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.load(); err != nil || os.Getenv("GOMEKO_TEST_GIVEN") != test.given || os.Getenv("GOMEKO_TEST_OTHER") != test.other {
			t.Errorf("%q: got %q and %q, %v", test.text, os.Getenv("GOMEKO_TEST_GIVEN"), os.Getenv("GOMEKO_TEST_OTHER"), err)
		}
	}
}
