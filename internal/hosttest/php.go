package hosttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// phpLibrary is the path of php-amqplib in Debian.
const phpLibrary = "/usr/share/php/PhpAmqpLib/autoload.php"

// PHP returns the command line of a PHP that reads a program from its standard input, and finds
// php-amqplib in vendor/autoload.php as if Composer had installed it. If PHP or the library is not
// installed, the test is skipped, or fails if CI=true.
func PHP(t testing.TB) []string {
	t.Helper()
	php, err := exec.LookPath("php")
	if err == nil {
		_, err = os.Stat(phpLibrary)
	}
	if err != nil {
		Missing(t, "no PHP with php-amqplib: run scripts/setup, or install Debian's php-cli and php-amqplib")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "vendor"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "vendor", "autoload.php"), []byte("<?php require '"+phpLibrary+"';\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{php, "-d", "include_path=.:" + dir + ":/usr/share/php"}
}
