package panel

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/transport"
)

const fleetPath = operationsPath + "/services"

// fleetPages are the pages that show which processes run.
func fleetPages() []page {
	return []page{{pattern: "GET " + fleetPath, tab: "Services", permission: SeeServices, serve: showFleet}}
}

// A fleetPage is the data of the page of services and instances.
type fleetPage struct {
	List     list
	Services []runningService
	Silent   []string // instances whose answers cannot be read
}

// A runningService is a service with its instances.
type runningService struct {
	Name      string
	Instances []runningInstance
	More      int // number of instances that are not shown
	Others    int // number of consumers that belong to no instance that answered
}

// A runningInstance is a service in one process.
type runningInstance struct {
	Name, Version, Host, URL string
	Started                  time.Time
	Workers                  int
	fleet.RowStats           // of all rows
}

// Busy returns the fraction of the workers that are in use.
func (i *runningInstance) Busy() float64 {
	if i.Workers <= 0 {
		return 0
	}
	return min(1, float64(i.Running)/float64(i.Workers))
}

// P99 returns the 99th percentile of the durations of recent calls.
func (i *runningInstance) P99() time.Duration { return i.Quantile(0.99) }

// maxInstances limits the instances of a service that are shown.
const maxInstances = 20

// surveyTime limits a query to the fleet, including the wait for the broker.
const surveyTime = answerTime + brokerTime

func showFleet(v *visit) error {
	var answers fleet.Answers
	err := v.withBroker(surveyTime, func(ctx context.Context, conn *transport.Conn) (err error) {
		answers, err = fleet.Survey(ctx, conn, fleet.Question{Verb: "stats", Wait: answerTime})
		return ofBroker(ctx, err)
	})
	if err != nil {
		return err
	}
	query, after := strings.TrimSpace(v.r.URL.Query().Get("q")), v.r.URL.Query().Get("after")
	p := fleetPage{List: list{Path: fleetPath, Query: query}}
	all, silent := running(answers)
	all = slices.DeleteFunc(all, func(s runningService) bool { return !strings.Contains(strings.ToLower(s.Name), strings.ToLower(query)) })
	var last string
	p.List.Total = len(all)
	p.Services, last = cut(all, after, pageSize, func(s runningService) string { return s.Name })
	p.Silent = silent[:min(len(silent), pageSize)]
	if last != "" {
		p.List.Next = link(fleetPath, "q", query, "after", last)
	}
	return v.render(http.StatusOK, "fleet.html", "Services", p)
}

// running returns the services of the processes that have answered, by name, and the instances
// whose answers cannot be read.
func running(answers fleet.Answers) (all []runningService, silent []string) {
	byName := map[string]*runningService{}
	service := func(name string) *runningService {
		if byName[name] == nil {
			byName[name] = &runningService{Name: name}
		}
		return byName[name]
	}
	for _, a := range answers.Answers {
		var stats fleet.Stats
		if a.Error != "" || json.Unmarshal(a.Answer, &stats) != nil {
			silent = append(silent, a.Instance)
			continue
		}
		for _, s := range stats.Services {
			i := runningInstance{Name: a.Instance, Host: stats.Host, URL: stats.URL, Started: stats.Started, Workers: s.Workers}
			for _, named := range a.Services {
				if named.Name == s.Service {
					i.Version = named.Version
				}
			}
			for r := range s.Rows {
				i.Add(&s.Rows[r])
			}
			there := service(s.Service)
			there.Instances = append(there.Instances, i)
		}
	}
	for _, count := range answers.Counts {
		if count.Others > 0 {
			service(count.Service).Others = count.Others
		}
	}
	for _, s := range byName {
		slices.SortFunc(s.Instances, func(a, b runningInstance) int { return cmp.Compare(a.Name, b.Name) })
		if s.More = len(s.Instances) - maxInstances; s.More > 0 {
			s.Instances = s.Instances[:maxInstances]
		} else {
			s.More = 0
		}
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b runningService) int { return cmp.Compare(a.Name, b.Name) })
	return all, silent
}
