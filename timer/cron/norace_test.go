//go:build !race

package cron_test

// years is how many years the slow evaluator goes through.
const years = 20
