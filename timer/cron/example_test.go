package cron_test

import (
	"fmt"
	"time"

	"github.com/gomeko/gomeko/timer/cron"
)

// In Madrid, 02:30 does not exist on the last Sunday of March.
func ExampleSchedule_Next() {
	madrid, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := cron.Parse("30 2 * * *", madrid)
	if err != nil {
		fmt.Println(err) // all mistakes of the expression
		return
	}
	t := time.Date(2026, time.March, 28, 0, 0, 0, 0, madrid)
	for range 3 {
		t = s.Next(t)
		fmt.Println(t.Format("Mon 02 Jan 15:04 MST"))
	}
	// Output:
	// Sat 28 Mar 02:30 CET
	// Sun 29 Mar 03:00 CEST
	// Mon 30 Mar 02:30 CEST
}

func ExampleParse() {
	_, err := cron.Parse("*/90 25 * * *", time.UTC)
	fmt.Println(err)
	// Output:
	// cron expression "*/90 25 * * *": minute: the step of "*/90" is longer than its range 0-59: it would match only 0
	// hour: "25" is not a value: write 0 to 23
}
