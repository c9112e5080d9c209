package grant_test

import (
	"fmt"
	"log"
	"time"

	"github.com/gomeko/gomeko/panel/grant"
)

// The panel signs what ann starts. A worker verifies it, and asks for the groups of its row.
func Example() {
	key, err := grant.NewKey() // of the panel
	if err != nil {
		log.Fatal(err)
	}
	groups := []string{"control_panel", "control_panel/dashboard", "teams/stock"}
	now := time.Now()
	text, err := key.Sign(grant.Grant{
		User: "ann", Groups: grant.Needed(groups, "control_panel/dashboard/reports"),
		Service: "shop", Row: "Report", Issued: now, Expires: now.Add(grant.Lifetime),
	})
	if err != nil {
		log.Fatal(err)
	}

	keys, err := grant.ParseKeys(key.PublicPEM()) // of the worker
	if err != nil {
		log.Fatal(err)
	}
	g, err := keys.Verify(text, grant.Want{Service: "shop", Row: "Report"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s misses %q\n", g.User, g.Missing("control_panel/dashboard/reports"))

	_, err = keys.Verify(text, grant.Want{Service: "shop", Row: "Delete"})
	fmt.Println(err)
	// Output:
	// ann misses "control_panel/dashboard/reports"
	// grant of "ann": for something else: it is for shop.Report, and is used for shop.Delete
}
