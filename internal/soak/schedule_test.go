package soak_test

import (
	"math/rand/v2"

	"github.com/gomeko/gomeko/internal/brokertest"
)

// A happening is a failure at a point of the test.
type happening struct {
	at   int
	what string
}

const (
	killProcess = "a process is killed"
	cutProcess  = "connections of a process are cut"
	cutCallers  = "connections of the callers are cut"
	stopBroker  = "the broker is stopped"
	killBroker  = "the broker is killed"
)

// schedule returns the happenings in random order, spread over the steps of the test.
func schedule(chance *rand.Rand, all int, what ...string) []happening {
	list := make([]happening, len(what))
	step := all / len(what)
	for i, from := range chance.Perm(len(what)) {
		list[i] = happening{i*step + 1 + chance.IntN(step), what[from]}
	}
	return list
}

// happen causes a failure of the broker or of one of the processes.
func happen(node *brokertest.Node, processes []*process, chance *rand.Rand, what string) {
	switch what {
	case killProcess:
		p := processes[chance.IntN(len(processes))]
		p.kill()
		p.start()
	case stopBroker:
		node.Stop()
		node.Start()
	case killBroker:
		node.Kill()
		node.Start()
	}
}
