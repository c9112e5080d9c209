//go:build race

package cron_test

// years is how long the slow evaluator runs: the race detector makes it ten times as slow.
const years = 1
