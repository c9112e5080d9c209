package soak_test

import "math/rand/v2"

// A happening is what happens when so much is done.
type happening struct {
	at   int
	what string
}

const (
	killProcess = "a process is killed"
	stopBroker  = "the broker is stopped"
	killBroker  = "the broker is killed"
)

// schedule draws at how many of many events processes are killed, and the broker is taken away, in turns of both kinds.
// They are spread over all of it.
func schedule(chance *rand.Rand, many, kills, stops int) []happening {
	list := make([]happening, kills+stops)
	for i := range list {
		list[i].what = killProcess
	}
	for i := range stops {
		list[(2*i+1)*len(list)/(2*stops)].what = []string{stopBroker, killBroker}[i%2]
	}
	step := many / len(list)
	for i := range list {
		list[i].at = i*step + 1 + chance.IntN(step)
	}
	return list
}
