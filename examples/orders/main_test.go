package orders_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/examples/orders"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eachDatabase runs f as the subtests sqlite and postgres, with the settings of an empty database.
func eachDatabase(t *testing.T, f func(t *testing.T, settings orders.Settings)) {
	t.Run("sqlite", func(t *testing.T) { f(t, orders.Settings{Database: filepath.Join(t.TempDir(), "orders.db")}) })
	t.Run("postgres", func(t *testing.T) { f(t, orders.Settings{Database: postgres(t)}) })
}

// postgres returns the URL of a new schema in the database that GOMEKO_POSTGRES names.
func postgres(t *testing.T) string {
	t.Helper()
	url := os.Getenv("GOMEKO_POSTGRES")
	if url == "" {
		hosttest.Missing(t, "GOMEKO_POSTGRES is not set: run make test, or scripts/postgres run go test")
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	schema := "orders_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := db.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE")
		if err != nil {
			t.Error(err)
		}
		db.Close()
	})
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	return fmt.Sprintf("%s%ssearch_path=%s", url, separator, schema)
}

// Shop is a client of the orders service.
type Shop struct {
	_ rpc.Client `rpc:"orders"`

	Create func(context.Context, Request) (orders.Order, error)         `rpc:"create_order"`
	Get    func(ctx context.Context, id string) (orders.Order, error)   `rpc:"get_order"`
	Latest func(ctx context.Context, count int) ([]orders.Order, error) `rpc:"latest_orders"`
}

// Request has the arguments of create_order, except for the count.
type Request struct {
	ID      string `json:"id"`
	UserID  int    `json:"user_id"`
	Product string `json:"product"`
}
