package panel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/parked"
)

const (
	// taskTime is how long a request waits for work on messages to end. The work continues in any
	// case.
	taskTime = 2 * time.Second

	// retryRate is how many messages are retried in a second, the same as in gomeko dead retry.
	retryRate = 50

	// maxEdited is the maximum size of a body that can be edited, in bytes.
	maxEdited = 256 << 10
)

// A deadWork is the work on messages of a queue that a form requests.
type deadWork struct {
	queue     string
	selection parked.Selection
	what      string         // describes the messages, for users
	details   map[string]any // for the audit trail
}

// deadWork reads the form, which names a message, a group of messages, or all of them.
func (v *visit) deadWork() (*deadWork, error) {
	form, err := v.form()
	if err != nil {
		return nil, err
	}
	w := &deadWork{queue: form.Get("queue"), details: map[string]any{}}
	switch id, kind := form.Get("id"), form.Get("kind"); {
	case id != "":
		w.selection.IDs, w.what, w.details["id"] = []string{id}, "the message "+id, id
	case kind != "":
		w.selection.Kind, w.what, w.details["error"] = kind, "all messages that failed with “"+kind+"”", kind
	case form.Get("all") != "":
		w.what, w.details["all"] = "all messages", true
	default:
		return nil, badForm(errors.New("no message is named"))
	}
	return w, nil
}

// back returns the path of the queue's page.
func (w *deadWork) back() string { return link(deadQueuePath, "queue", w.queue) }

// An editedPage is the data of the page on which the body of a message is edited.
type editedPage struct {
	Queue, ID, Text string
	Path            string // of the message
	Fault           string // what is wrong with the text
}

func (v *visit) renderEdited(status int, p editedPage) error {
	p.Path = link(deadMessagePath, "queue", p.Queue, "id", p.ID)
	return v.render(status, "dead_edit.html", "Edit the message", p)
}

// editDead shows the body of a message in a form.
func editDead(v *visit) error {
	p := editedPage{}
	err := v.message(func(ctx context.Context, desk *parked.Desk, m *parked.Message) (err error) {
		p.Queue, p.ID = m.Queue, m.ID
		p.Text, err = desk.Text(ctx, m)
		switch {
		case err == nil && desk.Masks(ctx, m):
			return cannotEdit("It has what looks like a secret, which the panel does not show.")
		case err == nil && len(p.Text) > maxEdited:
			return cannotEdit("It is too large for a form.")
		case errors.Is(err, parked.ErrSensitive):
			return cannotEdit("Its arguments are sensitive, and the panel does not show them.")
		case err != nil:
			return cannotEdit("It is not text.")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.renderEdited(http.StatusOK, p)
}

func cannotEdit(why string) error {
	return &pageError{http.StatusUnprocessableEntity, "The message cannot be edited here", why + " The command gomeko dead edits, exports and imports messages."}
}

// retryDead retries messages. With a text, it retries a single message, with the text as its body.
func retryDead(v *visit) error {
	w, err := v.deadWork()
	if err != nil {
		return err
	}
	text, edited := w.edited(v.r.PostForm)
	if edited {
		w.details["edited"] = true
	}
	var faulty error // of the text
	err = v.work(w, "Retrying", "retried", func(desk *parked.Desk) (parked.Work, error) {
		if _, err := desk.Prepare(v.desks.life); err != nil {
			return parked.Work{}, err
		}
		work := parked.Work{Selection: w.selection, Do: desk.Replay, Rate: retryRate}
		if edited {
			work.Edit = func(ctx context.Context, m *parked.Message) error {
				if m.Sensitive || desk.Masks(ctx, m) {
					return parked.ErrSensitive
				}
				faulty = desk.SetText(ctx, m, text)
				return faulty
			}
		}
		return work, nil
	})
	switch {
	case errors.Is(err, errGoesOn):
		return v.redirect(w.back())
	case faulty != nil: // the work is done
		return v.renderEdited(http.StatusUnprocessableEntity, editedPage{Queue: w.queue, ID: v.r.PostForm.Get("id"), Text: text, Fault: sentence(faulty)})
	case errors.Is(err, parked.ErrSensitive):
		return cannotEdit("It has something that the panel does not show.")
	}
	return v.ended(w, err)
}

// edited returns the body in the form. Browsers send CRLF at the end of lines.
func (w *deadWork) edited(form url.Values) (text string, ok bool) {
	text = strings.ReplaceAll(form.Get("text"), "\r\n", "\n")
	return text, form.Has("text") && len(w.selection.IDs) == 1
}

// sentence formats an error as a sentence.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func dropDead(v *visit) error {
	w, err := v.deadWork()
	if err != nil {
		return err
	}
	ok, err := v.confirmed(question{
		Title: "Delete for good?", Text: "This deletes " + w.what + " of the queue " + w.queue + ". It cannot be undone.",
		Button: "Delete", Back: w.back(),
	})
	if !ok {
		return err
	}
	return v.ended(w, v.work(w, "Deleting", "deleted", func(desk *parked.Desk) (parked.Work, error) {
		return parked.Work{Selection: w.selection, Do: desk.Drop}, nil
	}))
}

var (
	// errGoesOn is the error of visit.work if the work is still running.
	errGoesOn = errors.New("the work goes on")

	// errStopped is the error in the audit trail if work was stopped.
	errStopped = errors.New("stopped before the end: the other messages stay parked")
)

// work starts work on messages, which the audit trail records when it has ended. It waits only for
// a short time; if the work is still running then, it returns errGoesOn. A message for the next
// page reports the result.
func (v *visit) work(w *deadWork, doing, done string, what func(*parked.Desk) (parked.Work, error)) error {
	conn, err := v.broker()
	if err != nil {
		return err
	}
	var taken int
	var failed error
	t := &task{Queue: w.queue, Doing: doing, User: v.user.Name, work: what, finish: func(r parked.Result, err error) {
		taken, failed = r.Taken, err
		if w.details[done] = r.Taken; errors.Is(err, context.Canceled) {
			err = errStopped
		}
		if recordErr := v.record(w.queue, w.details, err); recordErr != nil {
			v.log.Error("work on dead letters is not in the audit trail", "queue", w.queue, "user", v.user.Name, "details", w.details, "err", recordErr)
			failed = errors.Join(failed, recordErr)
		}
	}}
	if !v.desks.begin(conn, t) {
		return v.act(w.queue, w.details, func() error { return parked.ErrBusy })
	}
	select {
	case <-t.ended:
	case <-time.After(taskTime):
		v.flash(doing + " " + w.what + " goes on.")
		return errGoesOn
	}
	if failed == nil {
		v.flash(count(taken, "message") + " " + done + ".")
	}
	return failed
}

// ended answers the request after work on messages.
func (v *visit) ended(w *deadWork, err error) error {
	if err == nil || errors.Is(err, errGoesOn) {
		return v.redirect(w.back())
	}
	return ofDesk(v.desks.life, err)
}

// count returns a number with its unit, such as 1 message or 2 messages.
func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// stopDead stops running work. Messages that were not handled yet stay parked.
func stopDead(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	queue := form.Get("queue")
	t := v.desks.task(queue)
	if t == nil {
		return v.redirect(link(deadQueuePath, "queue", queue))
	}
	err = v.act(queue, map[string]any{"begun_by": t.User}, func() error {
		t.stop()
		<-t.ended
		return nil
	})
	if err != nil {
		return err
	}
	v.flash("Stopped. The other messages stay parked.")
	return v.redirect(link(deadQueuePath, "queue", queue))
}
