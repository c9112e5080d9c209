package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/transport"
)

// An API is a broker's management API.
type API interface {
	// Get requests a path below /api, decodes the response into into, and returns its header.
	Get(ctx context.Context, path string, into any) (http.Header, error)
}

// A Patient is the input of [Examine].
type Patient struct {
	Version string // of gomeko
	Broker  transport.Config
	Plans   []connection.Plan // everything that services will ask the broker for
	API     API               // nil skips the checks that need it
	Wait    time.Duration     // for answers from running services; the default is 1 s

	// Store opens the store of jobs, whatever tables it has. It is nil if there is no store.
	Store func(context.Context) (*store.Store, error)

	// Migrated says that the services create or migrate the tables of the store themselves.
	Migrated bool
}

// requestTime limits each request to the broker, its management API and the store.
const requestTime = 10 * time.Second

// An examination is one call of [Examine].
type examination struct {
	Patient
	Report
	server transport.Server
	conn   *transport.Conn // nil if the broker cannot be reached
	vhost  string

	unread []string // what the management API could not be asked for
	reason error    // the reason for unread
}

// Examine runs all checks and returns the findings. It changes nothing. If ctx ends, it skips the
// rest and returns the cause as its error.
func Examine(ctx context.Context, p Patient) (*Report, error) {
	x := &examination{Patient: p}
	x.add(Info, "version", "this program", "gomeko %s", p.Version)
	x.openFiles()
	if err := x.connect(ctx); err == nil {
		defer x.hangUp()
		x.rehearse(ctx)
	}
	x.manage(ctx)
	x.examineStore(ctx)
	x.sort()
	return &x.Report, context.Cause(ctx)
}

// connect connects to the broker.
func (x *examination) connect(ctx context.Context) error {
	var err error
	x.conn, err = transport.Dial(ctx, x.Broker)
	if err != nil {
		x.unreachable(err)
		return err
	}
	x.vhost = x.conn.VHost()
	if x.server, err = x.conn.Server(ctx); err != nil {
		x.hangUp()
		x.unreachable(err)
		return err
	}
	s := x.server
	x.add(Info, "broker", x.Broker.String(), "%s %s, %s, cluster %s", s.Product, s.Version, s.Platform, s.Cluster)
	if s.Product == "RabbitMQ" && older(s.Version, 3, 10) {
		x.add(Warning, "version", x.Broker.String(), "RabbitMQ %s is older than 3.10, the oldest version that gomeko is tested with", s.Version).
			remedy("upgrade RabbitMQ: https://www.rabbitmq.com/docs/upgrade")
	}
	if s.Heartbeat == 0 {
		x.add(Warning, "heartbeat", x.Broker.String(), "the connection has no heartbeats: it can be dead for hours before anybody notices").
			remedy("set HEARTBEAT: 60 in the configuration, and heartbeat = 60 in the broker's rabbitmq.conf")
	}
	return nil
}

// hangUp closes the connection.
func (x *examination) hangUp() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = x.conn.Close(ctx) // nothing is in flight
}

// unreachable adds a finding for each broker that could not be reached.
func (x *examination) unreachable(err error) {
	for _, err := range each(err) {
		var failed *transport.DialError
		if !errors.As(err, &failed) {
			x.add(Problem, "broker-other", x.Broker.String(), "%v", err)
			continue
		}
		e := x.add(Problem, "broker-"+string(failed.Kind), failed.Broker, "%v", failed.Err)
		var refused *transport.Error
		if errors.As(failed.Err, &refused) && refused.Remedy != "" {
			e.What = fmt.Sprintf("%d %s", refused.Code, refused.Text)
			e.Remedy = refused.Remedy
		} else if what, remedy, ok := cutRemedy(e.What); ok {
			e.What, e.Remedy = what, remedy
		}
	}
}

// cutRemedy splits an error's text at the last ": ". The errors of package transport say after it
// what to do.
func cutRemedy(text string) (what, remedy string, ok bool) {
	i := strings.LastIndex(text, ": ")
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+2:], true
}

// each returns the errors that err joins, or err itself.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// older reports whether a version is older than major.minor. It returns false for a version that it
// cannot parse.
func older(version string, major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(version, "%d.%d", &a, &b); n != 2 {
		return false
	}
	return slices.Compare([]int{a, b}, []int{major, minor}) < 0
}
