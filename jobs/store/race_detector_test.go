//go:build race

package store_test

// nights are days around nights on which the clocks of the zones change, in the year 2000: the race
// detector is slow.
var nights = []string{"2000-03-25", "2000-10-14"}
