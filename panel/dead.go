package panel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/parked"
	"github.com/gomeko/gomeko/transport"
)

// The paths of pages about dead letters: messages that were given up.
const (
	deadPath        = operationsPath + "/dead"
	deadQueuePath   = deadPath + "/queue"
	deadMessagePath = deadPath + "/message"
)

// deadPages are the pages that list, retry, edit and drop dead letters.
func deadPages() []page {
	return []page{
		{pattern: "GET " + deadPath, tab: "Dead letters", permission: SeeDead, serve: showDead},
		{pattern: "GET " + deadQueuePath, permission: SeeDead, serve: showDeadQueue},
		{pattern: "GET " + deadMessagePath, permission: SeeDead, serve: showDeadMessage},
		{pattern: "GET " + deadPath + "/edit", permission: ChangeDead, serve: editDead},
		{pattern: "POST " + deadPath + "/retry", permission: ChangeDead, action: "dead.retry", serve: retryDead},
		{pattern: "POST " + deadPath + "/drop", permission: ChangeDead, action: "dead.drop", serve: dropDead},
		{pattern: "POST " + deadPath + "/stop", permission: ChangeDead, action: "dead.stop", serve: stopDead},
	}
}

const (
	// deskTime limits the time that a page waits for the dead letters of a queue.
	deskTime = 10 * time.Second

	// maxQueues limits the queues that are checked for a page.
	maxQueues = 200
)

// A deadPage is the data of the page of all dead letters.
type deadPage struct {
	List   list
	Queues []deadQueue
	Looked int // number of queues checked
}

// A deadQueue is a queue with dead letters.
type deadQueue struct {
	Name, Path string
	Messages   int
}

func showDead(v *visit) error {
	p := deadPage{List: list{Path: deadPath, Query: strings.TrimSpace(v.r.URL.Query().Get("q"))}}
	err := v.withBroker(surveyTime, func(ctx context.Context, conn *transport.Conn) error {
		names, _, err := fleet.Queues(ctx, conn, answerTime)
		if err != nil {
			return ofBroker(ctx, err)
		}
		queues, last := cut(matching(parked.Queues(names), p.List.Query), v.r.URL.Query().Get("after"), maxQueues, same)
		if last != "" {
			p.List.Next = link(deadPath, "q", p.List.Query, "after", last)
		}
		p.Looked = len(queues)
		for _, queue := range queues {
			n, err := parked.Depth(ctx, conn, queue)
			if err != nil {
				return ofBroker(ctx, err)
			}
			if n > 0 || v.desks.task(queue) != nil {
				p.Queues = append(p.Queues, deadQueue{queue, link(deadQueuePath, "queue", queue), n})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "dead.html", "Dead letters", p)
}

// look opens the dead letters of a queue and passes them to do.
func (v *visit) look(queue string, do func(ctx context.Context, desk *parked.Desk, look parked.Look) error) error {
	return v.withBroker(deskTime, func(ctx context.Context, conn *transport.Conn) error {
		err := v.desks.at(ctx, conn, queue, func(desk *parked.Desk) error {
			look, err := desk.Look(ctx)
			if err != nil {
				return err
			}
			return do(ctx, desk, look)
		})
		return ofDesk(ctx, err)
	})
}

// ofDesk converts an error of a dead queue to one for the page.
func ofDesk(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.As(err, new(*pageError)), errors.As(err, new(*awayError)):
		return err
	case errors.Is(err, parked.ErrNone):
		return &pageError{http.StatusNotFound, "Nothing is parked", "No message of this queue has failed for good."}
	case errors.Is(err, parked.ErrUnknownID):
		return &pageError{http.StatusNotFound, "The message is gone", "It is not parked any more: somebody has retried or dropped it."}
	case errors.Is(err, parked.ErrBusy):
		return &pageError{http.StatusConflict, "Somebody works on this queue", "Its messages are in the hands of somebody else. Try again in a moment."}
	}
	return ofBroker(ctx, err)
}

// A deadQueuePage is the data of the page of a queue.
type deadQueuePage struct {
	Queue    string
	Kind     string // if set, only messages of this group are shown
	Groups   []deadGroup
	Messages []deadMessage
	Total    int // messages of the group
	Unseen   int // messages that were not read
	Next     string
	Task     *task // running work, during which the messages are unknown
	Change   bool  // the user may change something
}

// A deadGroup is a group of messages with the same failure.
type deadGroup struct {
	parked.Group

	Path string
}

// A deadMessage is a message in the list of a queue.
type deadMessage struct {
	ID, Path, Failure string
	Row               string
	Attempts          int
	Last              time.Time
}

// maxGroups limits the groups of messages that are shown.
const maxGroups = 50

func showDeadQueue(v *visit) error {
	query := v.r.URL.Query()
	p := deadQueuePage{Queue: query.Get("queue"), Kind: query.Get("kind"), Change: v.may(ChangeDead)}
	if p.Task = v.desks.task(p.Queue); p.Task != nil {
		return v.render(http.StatusOK, "dead_queue.html", p.Queue, p)
	}
	err := v.look(p.Queue, func(_ context.Context, _ *parked.Desk, look parked.Look) error {
		groups := parked.Groups(look.Messages)
		for _, g := range groups[:min(len(groups), maxGroups)] {
			p.Groups = append(p.Groups, deadGroup{g, link(deadQueuePath, "queue", p.Queue, "kind", g.Error)})
		}
		picked, err := parked.Selection{Kind: p.Kind}.Pick(look.Messages)
		if err != nil {
			return err
		}
		p.Total, p.Unseen = len(picked), look.Unseen
		from, _ := strconv.Atoi(query.Get("from"))
		from = min(max(from, 0), len(picked))
		to := min(from+pageSize, len(picked))
		for _, m := range picked[from:to] {
			line, _, _ := strings.Cut(m.Failure(), "\n")
			p.Messages = append(p.Messages, deadMessage{
				m.ID, link(deadMessagePath, "queue", p.Queue, "id", m.ID), clip.Text(line, 300), m.Service + "." + m.Row, m.Attempts, m.Last,
			})
		}
		if to < len(picked) {
			p.Next = link(deadQueuePath, "queue", p.Queue, "kind", p.Kind, "from", strconv.Itoa(to))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "dead_queue.html", p.Queue, p)
}

// A deadMessagePage is the data of the page of a message.
type deadMessagePage struct {
	parked.View

	Path       string // of the queue
	Failure    string
	Properties string // as JSON, like the following fields
	Headers    string
	Body       string
	Stack      string
	Change     bool // the user may change something
	Edit       string
}

// maxText limits the bytes of a foreign text that a page shows.
const maxText = 64 << 10

func showDeadMessage(v *visit) error {
	query := v.r.URL.Query()
	p := deadMessagePage{Path: link(deadQueuePath, "queue", query.Get("queue")), Change: v.may(ChangeDead)}
	err := v.message(func(ctx context.Context, desk *parked.Desk, m *parked.Message) error {
		p.View, p.Failure = desk.View(ctx, m, true), clip.Text(m.Failure(), maxText)
		return nil
	})
	if err != nil {
		return err
	}
	p.Properties, p.Headers = indented(p.View.Properties), indented(p.View.Headers)
	p.Body, p.Stack = indented(p.View.Body), clip.Text(p.View.Stack, maxText)
	p.Edit = link(deadPath+"/edit", "queue", p.Queue, "id", p.ID)
	return v.render(http.StatusOK, "dead_message.html", "Message", p)
}

// message calls do with the message that the request's query or form names.
func (v *visit) message(do func(ctx context.Context, desk *parked.Desk, m *parked.Message) error) error {
	queue, id := v.r.FormValue("queue"), v.r.FormValue("id")
	if id == "" {
		return errNotFound
	}
	return v.look(queue, func(ctx context.Context, desk *parked.Desk, look parked.Look) error {
		picked, err := parked.Selection{IDs: []string{id}}.Pick(look.Messages)
		if err != nil {
			return err
		}
		return do(ctx, desk, picked[0])
	})
}

// indented returns a value as indented JSON, or "" if there is none. A text is returned unchanged.
func indented(value any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the template does it
	e.SetIndent("", "  ")
	var plain string
	switch err := e.Encode(value); {
	case err != nil, b.String() == "{}\n", b.String() == "null\n":
		return ""
	case json.Unmarshal(b.Bytes(), &plain) == nil:
		return clip.Text(plain, maxText)
	}
	return clip.Text(strings.TrimRight(b.String(), "\n"), maxText)
}
