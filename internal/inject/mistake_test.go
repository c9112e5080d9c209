package inject_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/internal/inject"
)

// The types of a small application.
type (
	Store interface{ Get(id int) string }
	Conf  struct{ Path string }
	DB    struct{ Path string }
	SQL   struct{ DB *DB }
)

func (*SQL) Get(int) string { return "" }

func openDB(c *Conf) (*DB, error)         { return &DB{c.Path}, nil }
func openOther() *DB                      { return &DB{} }
func newSQL(db *DB) *SQL                  { return &SQL{db} }
func inTx(db *DB) di.Provider[Store]      { return provide[Store](&SQL{db}) }
func inOtherTx(db *DB) di.Provider[Store] { return inTx(db) }
func nilTx() di.Provider[Store]           { return nil }

var errLocked = errors.New("the file is locked")

func failDB() (*DB, error)                   { return nil, errLocked }
func failTx(*DB) (di.Provider[Store], error) { return nil, errLocked }
func confOf(*DB) *Conf                       { return nil }
func namedConf(struct {
	fx.In
	Conf *Conf `name:"spare"`
}) *DB {
	return nil
}

func provide[T any](v T) di.Provider[T] {
	return func(context.Context) (T, di.Done, error) { return v, nil, nil }
}

// Orders has fields that are set by type and by name.
type Orders struct {
	Store  Store `inject:""`
	Backup *DB   `inject:"backup"`
}

// Users has one field to set.
type Users struct {
	DB *DB `inject:""`
}

// mistakes returns the mistakes of the application and of the fields of its targets, one per line.
func mistakes(app *inject.App) string {
	var lines []string
	if err := app.Err(); err != nil {
		lines = append(lines, err.Error())
	}
	for _, t := range app.Targets {
		for i := range 2 {
			if err := bind(t, &inject.Plan{}, i); err != nil {
				for line := range strings.SplitSeq(err.Error(), "\n") {
					lines = append(lines, fieldName(t, i)+": "+line)
				}
			}
		}
	}
	return strings.Join(lines, "\n")
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	conf, spare := fx.Supply(&Conf{}), fx.Supply(fx.Annotated{Name: "backup", Target: &DB{}})
	orders, users := inject.Fill(new(Orders)), inject.Fill(new(Users))
	needsConf := "inject_test.openDB needs *inject_test.Conf, which nothing provides: add fx.Provide(func(…) (*inject_test.Conf, error)) to the module"
	for _, tc := range []struct {
		name string
		opts []fx.Option
		want string
	}{
		{"nothing wrong", []fx.Option{orders, spare, conf, fx.Provide(openDB), di.PerCall(inTx)}, ""},
		{"nothing provided", []fx.Option{fx.Module("orders", orders), fx.Module("users", users)},
			"Orders.Store: nothing provides inject_test.Store; add fx.Provide(func(…) (inject_test.Store, error)) or di.PerCall to the module\n" +
				`Orders.Backup: nothing provides *inject_test.DB named "backup"; add fx.Provide(fx.Annotated{Name: "backup", Target: func(…) (*inject_test.DB, error)}) or di.PerCall to the module` + "\n" +
				"Users.DB: nothing provides *inject_test.DB; add fx.Provide(func(…) (*inject_test.DB, error)) or di.PerCall to the module"},
		{"an implementation", []fx.Option{orders, spare, conf, fx.Provide(openDB, newSQL)},
			"Orders.Store: nothing provides inject_test.Store; to use *inject_test.SQL, wrap its constructor in fx.Annotate(…, fx.As(new(inject_test.Store)))"},
		{"the value of a pointer", []fx.Option{users, fx.Supply(DB{})},
			"Users.DB: nothing provides *inject_test.DB; inject_test.DB is provided: change the field's type to that"},
		{"fx.Provide instead of di.PerCall", []fx.Option{orders, spare, conf, fx.Provide(openDB, inTx)},
			"Orders.Store: nothing provides inject_test.Store; inject_test.inTx provides it per call: pass that to di.PerCall instead of fx.Provide"},
		{"a parameter", []fx.Option{users, orders, spare, fx.Provide(openDB), di.PerCall(inTx)},
			"Users.DB: " + needsConf + "\nOrders.Store: " + needsConf},
		{"a parameter by name", []fx.Option{users, fx.Provide(namedConf), conf},
			`Users.DB: inject_test.namedConf needs *inject_test.Conf named "spare", which nothing provides: add fx.Provide(fx.Annotated{Name: "spare", Target: func(…) (*inject_test.Conf, error)}) to the module`},
		{"a parameter of di.PerCall", []fx.Option{orders, spare, di.PerCall(inTx)},
			"Orders.Store: inject_test.inTx needs *inject_test.DB, which nothing provides: add fx.Provide(func(…) (*inject_test.DB, error)) to the module"},
		{"a parameter of a literal", []fx.Option{users, fx.Provide(func(*Conf, Conf) *DB { return nil })},
			"Users.DB: the function at mistake_test.go:N needs *inject_test.Conf, which nothing provides: add fx.Provide(func(…) (*inject_test.Conf, error)) to the module\n" +
				"Users.DB: the function at mistake_test.go:N needs inject_test.Conf, which nothing provides: add fx.Provide(func(…) (inject_test.Conf, error)) to the module"},
		{"a constructor fails", []fx.Option{users, orders, fx.Provide(failDB), di.PerCall(inTx)},
			"Users.DB: inject_test.failDB: the file is locked"},
		{"a constructor fails beside what is missing", []fx.Option{orders, fx.Provide(failDB), di.PerCall(inTx)},
			"Orders.Store: inject_test.failDB: the file is locked\n" +
				`Orders.Backup: nothing provides *inject_test.DB named "backup"; add fx.Provide(fx.Annotated{Name: "backup", Target: func(…) (*inject_test.DB, error)}) or di.PerCall to the module`},
		{"a constructor fails deep down", []fx.Option{orders, spare, fx.Provide(failDB), di.PerCall(inTx)},
			"Orders.Store: inject_test.failDB: the file is locked"},
		{"di.PerCall fails", []fx.Option{orders, spare, fx.Provide(openOther), di.PerCall(failTx)},
			"Orders.Store: inject_test.failTx: the file is locked"},
		{"di.PerCall gives nil", []fx.Option{orders, spare, di.PerCall(nilTx)}, "Orders.Store: the provider is nil"},
		{"a cycle", []fx.Option{users, fx.Provide(openDB, confOf)},
			"dependency cycle: inject_test.openDB needs inject_test.confOf needs inject_test.openDB: remove one of these dependencies"},
		{"two of a type", []fx.Option{users, conf, fx.Provide(openDB), fx.Provide(openOther)},
			"*inject_test.DB is provided twice, by inject_test.openDB and by inject_test.openOther: remove one, or name one with fx.Annotated{Name: …}"},
		{"two of a type and name", []fx.Option{users, spare, fx.Provide(fx.Annotated{Name: "backup", Target: openOther})},
			`*inject_test.DB named "backup" is provided twice, by fx.Supply and by inject_test.openOther: remove one, or name one with fx.Annotated{Name: …}`},
		{"two per call", []fx.Option{orders, conf, fx.Provide(openDB), di.PerCall(inTx), di.PerCall(inOtherTx)},
			"inject_test.Store is provided per call twice, by inject_test.inTx and by inject_test.inOtherTx: remove one, or name one with fx.Annotated{Name: …}"},
		{"an invoke", []fx.Option{fx.Invoke(func(*Conf) {})},
			"the function at mistake_test.go:N needs *inject_test.Conf, which nothing provides: add fx.Provide(func(…) (*inject_test.Conf, error)) to the module"},
		{"an invoke fails", []fx.Option{fx.Invoke(func() error { return errLocked })}, "the file is locked"},
		{"an error of fx's own", []fx.Option{fx.Provide(7)}, "must provide constructor function, got 7 (type int)"},
		{"several", []fx.Option{fx.Error(errLocked, fmt.Errorf("open: %w", errLocked))}, "the file is locked\nopen: the file is locked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := regexp.MustCompile(`(_test\.go):\d+`).ReplaceAllString(mistakes(inject.New(nil, tc.opts...)), "$1:N")
			if got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

// The error of a field wraps that of the constructor.
func TestConstructorsErrorIsKept(t *testing.T) {
	t.Parallel()
	app := inject.New(nil, inject.Fill(new(Users)), fx.Provide(failDB))
	if err := bind(app.Targets[0], &inject.Plan{}, 0); !errors.Is(err, errLocked) {
		t.Errorf("got %v, want it to wrap %v", err, errLocked)
	}
}
