//go:build race

package cron_test

// years is how many years the slow evaluator goes through. The race detector makes it ten times as
// slow.
const years = 1
