//go:build !race

package fleet

// days is how long the processes of TestYear run.
const days = 366
