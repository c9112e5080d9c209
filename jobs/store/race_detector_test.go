//go:build race

package store_test

// nights are days around some nights of the year 2000 on which the clocks of the zones change.
// There are fewer than without the race detector, which is slow.
var nights = []string{"2000-03-25", "2000-10-14"}
