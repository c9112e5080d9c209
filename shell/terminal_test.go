package shell

import (
	"os"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/printable"
)

// Text is escaped only if it goes to a terminal. /dev/null is a device like one.
func TestGuarded(t *testing.T) {
	t.Parallel()
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	if _, ok := guarded(device).(*printable.Writer); !ok {
		t.Error("what goes to a terminal is not escaped")
	}
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if guarded(file) != file {
		t.Error("what goes to a file is escaped")
	}
	if b := new(strings.Builder); guarded(b) != b {
		t.Error("what goes to another writer is escaped")
	}
}
