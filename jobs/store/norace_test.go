//go:build !race

package store_test

// nights are the days around the nights of the year 2000 on which the clocks of the zones change.
var nights = []string{"2000-03-11", "2000-03-25", "2000-04-01", "2000-08-26", "2000-10-14", "2000-10-28"}
