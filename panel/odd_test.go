package panel_test

import (
	"database/sql"
	"net/http"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
)

// TestOddFilters searches for texts that databases reject.
func TestOddFilters(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db *sql.DB, dialect account.Dialect) {
		s := newStage(t, panel.Config{}, db, dialect)
		s.user("root")
		root := s.as("root")
		for _, path := range []string{"/runs?row=%00.x", "/runs?row=%ff.x", "/runs?user=%00", "/operations/audit?actor=%00", "/operations/audit?object=%ff", "/operations/audit?action=%00"} {
			root.get(path).want(http.StatusOK, "")
		}
	})
}

// TestLargeConfirmation rejects arguments that are too large to be confirmed.
func TestLargeConfirmation(t *testing.T) {
	t.Parallel()
	f := newFair(t, brokertest.Embedded(t), nil, "")
	f.as("ann").post("/services/shop/Purge", "/reason="+strings.Repeat("x", 800_000)).want(http.StatusRequestEntityTooLarge, "This is too much")
}
