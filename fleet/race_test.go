//go:build race

package fleet

// days is how long the processes of TestYear run; the race detector is slow. The period includes
// the 26th of March, the first night on which the clock changes.
const days = 90
