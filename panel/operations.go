package panel

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/transport"
)

const operationsPath = "/operations"

// operationsPages are the pages for operators of the fleet. Each is a tab, or belongs to one.
func operationsPages() []page {
	return slices.Concat(
		[]page{{pattern: "GET " + operationsPath, name: "Operations", serve: showOperations}},
		fleetPages(), healthPages(), queuesPages(), deadPages(), timersPages(), jobsPages(), resourcesPages(), auditPages(), configurationPages(),
	)
}

// showOperations opens the first tab that the user may see.
func showOperations(v *visit) error {
	tabs := v.tabs()
	if len(tabs) == 0 {
		return forbidden(SeeServices)
	}
	return v.redirect(tabs[0].Path)
}

// tabs returns the pages about operations that the user may see.
func (v *visit) tabs() (items []menuItem) {
	if v.user == nil {
		return nil
	}
	for _, p := range v.pages {
		if p.tab != "" && v.user.Missing(p.permission) == "" {
			_, path, _ := strings.Cut(p.pattern, " ")
			items = append(items, menuItem{p.tab, path, v.r.URL.Path == path || strings.HasPrefix(v.r.URL.Path, path+"/")})
		}
	}
	return items
}

// may reports whether the user has a permission. Templates omit what the user may not do.
func (v *visit) may(permission string) bool { return v.user.Missing(permission) == "" }

// broker returns the connection to the broker, or an error for the page if it is disconnected.
func (v *visit) broker() (*transport.Conn, error) {
	switch conn := v.cfg.Broker; {
	case !conn.Away().IsZero():
		return nil, brokerAway
	default:
		return conn, nil
	}
}

var brokerAway = &pageError{http.StatusServiceUnavailable, "The broker is away", "The panel cannot reach the broker, so it cannot tell what happens there. Nothing is lost. Try again in a moment."}

// ofBroker converts an error of the broker to one for the page. ctx is that of the request to it.
func ofBroker(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil, errors.Is(err, transport.ErrConnectionLost), errors.Is(err, transport.ErrClosed):
		return brokerAway
	}
	return &pageError{http.StatusBadGateway, "The broker has refused this", clip.Text(secret.Mask(err.Error()), clip.Log)}
}

// withBroker calls do with the connection, and with a context that limits the requests to the
// broker.
func (v *visit) withBroker(limit time.Duration, do func(ctx context.Context, conn *transport.Conn) error) error {
	conn, err := v.broker()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(v.ctx(), limit)
	defer cancel()
	return do(ctx, conn)
}

// act calls do for the user, and records the action with its result in the audit trail.
func (v *visit) act(object string, details map[string]any, do func() error) error {
	err := do()
	return errors.Join(err, v.record(object, details, err))
}

// record records an action of the page in the audit trail.
func (v *visit) record(object string, details map[string]any, failed error) error {
	entry := account.Entry{Action: v.page.action, Object: object, Details: details}
	if failed != nil {
		entry.Failed = secret.Mask(failed.Error())
	}
	return away(v.ctx(), v.editor().Record(context.WithoutCancel(v.ctx()), entry))
}

// A question asks for confirmation before something is destroyed.
type question struct {
	Title, Text string
	Button      string // its text
	Back        string // the path of the page to return to
	Action      string // the path to which the form is sent
	Fields      []field
}

// A field is a hidden field of a form.
type field struct{ Name, Value string }

// confirmed reports whether the user has confirmed the form's action. If not, it shows the
// question, with the fields of the form.
func (v *visit) confirmed(q question) (bool, error) {
	if v.r.PostForm.Get("confirm") == "yes" {
		return true, nil
	}
	q.Action = v.r.URL.Path
	for name, values := range v.r.PostForm {
		for _, value := range values {
			q.Fields = append(q.Fields, field{name, value})
		}
	}
	q.Fields = append(q.Fields, field{"confirm", "yes"})
	slices.SortStableFunc(q.Fields, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	return false, v.render(http.StatusOK, "confirm.html", q.Title, q)
}

// form returns the form of a request.
func (v *visit) form() (url.Values, error) {
	if v.formErr != nil {
		return nil, badForm(v.formErr)
	}
	return v.r.PostForm, nil
}

// link returns a path with a query, which omits empty values.
func link(path string, pairs ...string) string {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// pageSize is the maximum number of entries on a page of a list.
const pageSize = 100

// A list is one page of a sorted list.
type list struct {
	Path  string // of the page, without the search
	Query string // the search
	Total int    // number of entries found
	Next  string // the path of the next page; "" on the last
}

// cut returns the entries of a page: at most size entries, ordered by name, whose names come after
// the given one.
func cut[T any](all []T, after string, size int, name func(T) string) (shown []T, last string) {
	from, found := slices.BinarySearchFunc(all, after, func(x T, after string) int { return strings.Compare(name(x), after) })
	if found {
		from++
	}
	if after == "" {
		from = 0
	}
	if shown = all[from:]; len(shown) > size {
		shown = shown[:size]
		last = name(shown[size-1])
	}
	return shown, last
}

// matching returns the names that contain a text, ignoring case.
func matching(names []string, text string) []string {
	text = strings.ToLower(text)
	return slices.DeleteFunc(names, func(name string) bool { return !strings.Contains(strings.ToLower(name), text) })
}

// clean returns a typed text in a form that both databases accept.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

func same(name string) string { return name }
