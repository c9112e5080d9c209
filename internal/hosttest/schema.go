package hosttest

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// Schema returns the URL of a new schema in the database that GOMEKO_POSTGRES names. It drops the
// schema when the test ends. If the variable is not set, the test is skipped, or fails if CI=true.
// The test must import the driver pgx.
func Schema(t testing.TB) (url string) {
	t.Helper()
	url = os.Getenv("GOMEKO_POSTGRES")
	if url == "" {
		Missing(t, "GOMEKO_POSTGRES is not set: run make test, or scripts/postgres run go test")
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	run := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	run("CREATE SCHEMA " + name)
	t.Cleanup(func() {
		run("DROP SCHEMA " + name + " CASCADE")
		db.Close()
	})
	return WithParameter(url, "search_path="+name)
}

// WithParameter returns the URL with an additional parameter.
func WithParameter(url, parameter string) string {
	if strings.Contains(url, "?") {
		return url + "&" + parameter
	}
	return url + "?" + parameter
}
