package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// A group is scenarios that the same contestants take part in.
type group struct {
	title       string
	about       string
	unit        string       // what is counted; "" is calls
	contestants []contestant // each is compared with the first
	scenarios   []scenario
	claims      []claim
	entries     map[string]*entry // by key

	own  func(*session) (table string, err error) // measures in its own way
	text string                                   // that table
}

// A contestant is a server, a client, and what is between them.
type contestant struct {
	name   string
	broker string   // "" is none
	store  string   // its database, "" is none
	server []string // its role and arguments; those behind the URI and the database
	client []string
	copies int // deliveries that each call makes; 0: it has a reply

	program   string // another build of this command, "" is this one
	generated bool   // it is the one with generated services
}

// A scenario is one load.
type scenario struct {
	name string
	order
}

// A claim is what is expected of a contestant beside another one, or by itself if base is "".
type claim struct {
	scenario, contestant, base string
	figure                     figure
	ratio                      float64 // or the figure; at least, or at most where less is better
}

// key names the entry of a contestant in a scenario.
func key(scenario, contestant string) string { return scenario + "\x00" + contestant }

// against adds to the contestants that are gomeko's the same ones of another build.
func (g *group) against(program string) {
	for _, c := range g.contestants {
		if strings.HasPrefix(c.name, "gomeko") {
			c.name += ", other build"
			c.program = program
			g.contestants = append(g.contestants, c)
		}
	}
}

// choose leaves out what is not to be measured.
func (g *group) choose(scenarios, contestants *regexp.Regexp, whole bool) {
	other := func(s scenario) bool { return !scenarios.MatchString(s.name) }
	if !whole || !slices.ContainsFunc(g.scenarios, func(s scenario) bool { return !other(s) }) {
		g.scenarios = slices.DeleteFunc(g.scenarios, other)
	}
	first := true
	g.contestants = slices.DeleteFunc(g.contestants, func(c contestant) bool {
		out := !first && !contestants.MatchString(c.name)
		first = false
		return out
	})
}

// python is the one that Nameko is installed for.
const python = "../.venv/bin/python"

// python reports whether the contestant is Nameko.
func (c contestant) python() bool { return c.server[0] == "nameko" }

// checkNameko leaves Nameko out, and says so, if it is not there.
func (g *group) checkNameko() {
	i := slices.IndexFunc(g.contestants, contestant.python)
	if i < 0 {
		return
	}
	if err := exec.Command(python, "-c", "import nameko").Run(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %s: without Nameko, which scripts/setup installs: %v\n", g.title, err)
		g.contestants = slices.Delete(g.contestants, i, i+1)
	}
}

// groups returns all that is measured.
func groups() []*group {
	return slices.Concat([]*group{rpcGroup()}, eventGroups(), ladderGroups(), jobsGroups(), outboxGroups(), []*group{webGroup(), frontGroup()}, streamGroups(), brokerGroups(), []*group{memoryGroup()}, flatGroups(), []*group{observerGroup()})
}

const (
	raw          = "raw amqp091-go"
	rawTransient = raw + ", transient"
)

func rpcGroup() *group {
	g := &group{
		title: "RPC",
		about: "A call of a method that returns its argument. Requests and replies are persistent unless it says transient; requests are mandatory.",
		contestants: []contestant{
			{name: raw, broker: rabbitMQ, server: []string{"amqp091 service"}, client: []string{"amqp091 client"}},
			{name: "gomeko", broker: rabbitMQ, server: []string{"gomeko service"}, client: []string{"gomeko client"}},
			{name: rawTransient, broker: rabbitMQ, server: []string{"amqp091 service", "transient"}, client: []string{"amqp091 client", "transient"}},
			{name: "gomeko, transient", broker: rabbitMQ, server: []string{"gomeko service"}, client: []string{"gomeko client", "transient"}},
			{name: "Nameko", broker: rabbitMQ, server: []string{"nameko", "service"}, client: []string{"nameko", "client"}},
			{name: "floor", broker: rabbitMQ, server: []string{"floor service"}, client: []string{"floor client"}},
			{name: "floor, no guarantees", broker: rabbitMQ, server: []string{"floor service", "transient"}, client: []string{"floor client", "transient"}},
			{name: raw + ", embedded broker", broker: embedded, server: []string{"amqp091 service"}, client: []string{"amqp091 client"}},
			{name: "gomeko, embedded broker", broker: embedded, server: []string{"gomeko service"}, client: []string{"gomeko client"}},
			{name: "floor, embedded broker", broker: embedded, server: []string{"floor service"}, client: []string{"floor client"}},
			{name: "NATS micro", broker: natsIO, server: []string{"nats micro service"}, client: []string{"nats micro client"}},
			{name: "gRPC", server: []string{"grpc service"}, client: []string{"grpc client"}},
		},
	}
	for _, load := range []struct{ callers, size int }{{1, 50}, {64, 50}, {512, 50}, {64, 1 << 10}, {64, 64 << 10}} {
		g.scenarios = append(g.scenarios, scenario{rpcName(load.callers, load.size), order{Callers: load.callers, Size: load.size}})
	}
	const at64, at1 = "rpc/64/50B", "rpc/1/50B"
	g.claims = []claim{
		{at64, "gomeko", raw, rate, 1},
		{at64, "gomeko, transient", rawTransient, rate, 1.1},
		{at64, "gomeko", "Nameko", rate, 8},
		{at1, "gomeko", raw, p50, 1.1},
		{at64, "gomeko, embedded broker", "gomeko", rate, 3},
	}
	return g
}

func rpcName(callers, size int) string {
	unit := "B"
	if size >= 1<<10 {
		size, unit = size>>10, "KiB"
	}
	return fmt.Sprintf("rpc/%d/%d%s", callers, size, unit)
}
