//go:build !race

package cron_test

// years is how long the slow evaluator runs.
const years = 20
