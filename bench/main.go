// Command bench measures gomeko beside raw amqp091-go, Nameko, NATS micro, gRPC and River, and
// beside the floor, on RabbitMQ and on the embedded broker. docs/bench.md is what it found, and how
// to read it.
//
// Every server, client and broker is a separate process, so that the CPU time of each can be
// measured. The load is closed: each caller waits for its reply. The contestants of a scenario take
// turns in rounds, and what is compared is compared inside a round: whatever else the machine does
// then is done to all of them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"time"
)

func main() {
	if name := os.Getenv(roleVariable); name != "" {
		play(name)
		return
	}
	var s session
	scenarios := flag.String("scenarios", "", "measure those whose name matches this regular expression")
	contestants := flag.String("contestants", "", "and those contestants, beside the one they are compared with")
	write := flag.String("write", "", "put the tables into this page, ../docs/bench.md in the project; with -scenarios those of their groups, of which it takes all scenarios")
	flag.IntVar(&s.rounds, "rounds", 5, "how often each is measured")
	flag.DurationVar(&s.duration, "duration", time.Second, "how long each is measured in a round")
	flag.StringVar(&s.against, "against", "", "measure the gomeko of this other build of the command too")
	flag.StringVar(&s.profile, "profile", "", "have Go processes write their CPU profiles into this folder")
	flag.Parse()
	s.brokers.profile, s.whole = s.profile, *write != ""
	if *write != "" && *contestants != "" {
		fmt.Fprintln(os.Stderr, "bench: -write takes all contestants: a part of them would take the place of all")
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s.began = time.Now()
	err := s.run(ctx, regexp.MustCompile(*scenarios), regexp.MustCompile(*contestants))
	fmt.Println(s.tables())
	if err == nil && *write != "" {
		err = s.update(*write, *scenarios == "")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A session is one run of the command.
type session struct {
	began     time.Time
	rounds    int
	duration  time.Duration
	profile   string
	against   string
	brokers   brokers
	databases databases
	whole     bool     // measure all scenarios of a group or none
	scratch   string   // a folder that goes in the end
	many      string   // the build with generated services, once there is one
	measured  []*group // in their order
}

func (s *session) run(ctx context.Context, scenarios, contestants *regexp.Regexp) error {
	defer s.brokers.close()
	defer s.databases.close()
	var err error
	if s.scratch, err = os.MkdirTemp("", "gomeko-bench"); err != nil {
		return err
	}
	defer os.RemoveAll(s.scratch)
	if s.profile != "" {
		if err := os.MkdirAll(s.profile, 0o755); err != nil {
			return err
		}
	}
	for _, g := range groups() {
		if s.against != "" {
			g.against(s.against)
		}
		g.choose(scenarios, contestants, s.whole)
		if len(g.scenarios) == 0 {
			continue
		}
		g.checkNameko()
		s.measured = append(s.measured, g)
		if err := s.measure(ctx, g); err != nil {
			return fmt.Errorf("%s: %w", strings.ToLower(g.title), err)
		}
	}
	return nil
}
