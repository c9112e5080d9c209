package panel_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
)

// TestLongActors shows entries whose actors have long names and addresses.
func TestLongActors(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	s.user("root")
	long := strings.Repeat("x", 1<<20)
	for range 3 {
		if err := s.accounts.As(account.Actor{Name: long, Address: long}).Record(t.Context(), account.Entry{Action: "odd", Object: long}); err != nil {
			t.Fatal(err)
		}
	}
	s.as("root").get("/operations/audit?action=odd").atMost(50_000).want(http.StatusOK, "xxx… odd xxx")
}
