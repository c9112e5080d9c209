package panel

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/transport"
)

const queuesPath = operationsPath + "/queues"

// queuesPages are the pages that show the number of messages in queues.
func queuesPages() []page {
	return []page{{pattern: "GET " + queuesPath, tab: "Queues", permission: SeeQueues, serve: showQueues}}
}

// A queuesPage is the data of the page of queues.
type queuesPage struct {
	List   list
	Queues []shownQueue
}

// A shownQueue is a queue of a running service.
type shownQueue struct {
	Name                string
	Messages, Consumers int
	Missing             bool // the queue does not exist on the broker
}

func showQueues(v *visit) error {
	query := v.r.URL.Query()
	p := queuesPage{List: list{Path: queuesPath, Query: strings.TrimSpace(query.Get("q"))}}
	err := v.withBroker(surveyTime, func(ctx context.Context, conn *transport.Conn) error {
		names, _, err := fleet.Queues(ctx, conn, answerTime)
		if err != nil {
			return ofBroker(ctx, err)
		}
		names = matching(names, p.List.Query)
		p.List.Total = len(names)
		shown, last := cut(names, query.Get("after"), pageSize, same)
		if last != "" {
			p.List.Next = link(queuesPath, "q", p.List.Query, "after", last)
		}
		for _, name := range shown {
			q := shownQueue{Name: name}
			var refused *transport.Error
			if q.Messages, q.Consumers, err = conn.Inspect(ctx, name); errors.As(err, &refused) {
				q.Missing = true
			} else if err != nil {
				return ofBroker(ctx, err)
			}
			p.Queues = append(p.Queues, q)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "queues.html", "Queues", p)
}
