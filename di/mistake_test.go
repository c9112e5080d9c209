package di_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
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
func newStore(db *DB) Store               { return &SQL{db} }
func inTx(db *DB) di.Provider[Store]      { return provide[Store](&SQL{db}) }
func inOtherTx(db *DB) di.Provider[Store] { return inTx(db) }
func nilTx() di.Provider[Store]           { return nil }

var errLocked = errors.New("the file is locked")

func failDB() (*DB, error)                                { return nil, errLocked }
func failTx(*DB) (di.Provider[Store], error)              { return nil, errLocked }
func confOf(*DB) *Conf                                    { return nil }
func both() (di.Provider[Store], di.Provider[int], error) { return nil, nil, nil }
func provider(context.Context) (Store, di.Done, error)    { return nil, nil, nil }
func namedConf(struct {
	fx.In
	Conf *Conf `name:"spare"`
}) *DB {
	return nil
}

func provide[T any](v T) di.Provider[T] {
	return func(context.Context) (T, di.Done, error) { return v, nil, nil }
}

// Orders asks by type and by name.
type Orders struct {
	Store  Store `inject:""`
	Backup *DB   `inject:"backup"`
}

// Users asks for one thing.
type Users struct {
	DB *DB `inject:""`
}

// mistakes are those of the application and of the fields of its targets, a line each.
func mistakes(app *di.App) string {
	var lines []string
	if err := app.Err(); err != nil {
		lines = append(lines, err.Error())
	}
	for _, t := range app.Targets {
		for i := range 2 {
			if err := bind(t, &di.Plan{}, i); err != nil {
				for line := range strings.SplitSeq(err.Error(), "\n") {
					lines = append(lines, fieldName(t, i)+": "+line)
				}
			}
		}
	}
	return strings.Join(lines, "\n")
}

func TestMistakes(t *testing.T) {
	conf, spare := fx.Supply(&Conf{}), fx.Supply(fx.Annotated{Name: "backup", Target: &DB{}})
	orders, users := di.Fill(new(Orders)), di.Fill(new(Users))
	needsConf := "di_test.openDB needs *di_test.Conf, which nothing provides: add fx.Provide(func(…) (*di_test.Conf, error)) to the module"
	for _, tc := range []struct {
		name string
		opts []fx.Option
		want string
	}{
		{"nothing wrong", []fx.Option{orders, spare, conf, fx.Provide(openDB), di.PerCall(inTx)}, ""},
		{"nothing provided", []fx.Option{fx.Module("orders", orders), fx.Module("users", users)},
			"Orders.Store: nothing provides di_test.Store; add fx.Provide(func(…) (di_test.Store, error)) or di.PerCall to the module\n" +
				`Orders.Backup: nothing provides *di_test.DB named "backup"; add fx.Provide(fx.Annotated{Name: "backup", Target: func(…) (*di_test.DB, error)}) or di.PerCall to the module` + "\n" +
				"Users.DB: nothing provides *di_test.DB; add fx.Provide(func(…) (*di_test.DB, error)) or di.PerCall to the module"},
		{"an implementation", []fx.Option{orders, spare, conf, fx.Provide(openDB, newSQL)},
			"Orders.Store: nothing provides di_test.Store; *di_test.SQL is provided: provide it as that, with fx.Annotate(…, fx.As(new(di_test.Store)))"},
		{"the value of a pointer", []fx.Option{users, fx.Supply(DB{})},
			"Users.DB: nothing provides *di_test.DB; di_test.DB is provided: make the field that"},
		{"fx.Provide instead of di.PerCall", []fx.Option{orders, spare, conf, fx.Provide(openDB, inTx)},
			"Orders.Store: nothing provides di_test.Store; di_test.inTx does per call, in fx.Provide: put it into di.PerCall"},
		{"a parameter", []fx.Option{users, orders, spare, fx.Provide(openDB), di.PerCall(inTx)},
			"Users.DB: " + needsConf + "\nOrders.Store: " + needsConf},
		{"a parameter by name", []fx.Option{users, fx.Provide(namedConf), conf},
			`Users.DB: di_test.namedConf needs *di_test.Conf named "spare", which nothing provides: add fx.Provide(fx.Annotated{Name: "spare", Target: func(…) (*di_test.Conf, error)}) to the module`},
		{"a parameter of di.PerCall", []fx.Option{orders, spare, di.PerCall(inTx)},
			"Orders.Store: di_test.inTx needs *di_test.DB, which nothing provides: add fx.Provide(func(…) (*di_test.DB, error)) to the module"},
		{"a parameter of a literal", []fx.Option{users, fx.Provide(func(*Conf, Conf) *DB { return nil })},
			"Users.DB: the function at mistake_test.go:N needs *di_test.Conf, which nothing provides: add fx.Provide(func(…) (*di_test.Conf, error)) to the module\n" +
				"Users.DB: the function at mistake_test.go:N needs di_test.Conf, which nothing provides: add fx.Provide(func(…) (di_test.Conf, error)) to the module"},
		{"a constructor fails", []fx.Option{users, orders, fx.Provide(failDB), di.PerCall(inTx)},
			"Users.DB: di_test.failDB: the file is locked"},
		{"a constructor fails beside what is missing", []fx.Option{orders, fx.Provide(failDB), di.PerCall(inTx)},
			"Orders.Store: di_test.failDB: the file is locked\n" +
				`Orders.Backup: nothing provides *di_test.DB named "backup"; add fx.Provide(fx.Annotated{Name: "backup", Target: func(…) (*di_test.DB, error)}) or di.PerCall to the module`},
		{"a constructor fails deep down", []fx.Option{orders, spare, fx.Provide(failDB), di.PerCall(inTx)},
			"Orders.Store: di_test.failDB: the file is locked"},
		{"di.PerCall fails", []fx.Option{orders, spare, fx.Provide(openOther), di.PerCall(failTx)},
			"Orders.Store: di_test.failTx: the file is locked"},
		{"di.PerCall gives nil", []fx.Option{orders, spare, di.PerCall(nilTx)}, "Orders.Store: the provider is nil"},
		{"a circle", []fx.Option{users, fx.Provide(openDB, confOf)},
			"a circle: di_test.openDB needs di_test.confOf needs di_test.openDB: let one of them do without the other"},
		{"two of a type", []fx.Option{users, conf, fx.Provide(openDB), fx.Provide(openOther)},
			"*di_test.DB is provided twice, by di_test.openDB and by di_test.openOther: leave one, or give one a name with fx.Annotated{Name: …}"},
		{"two of a type and name", []fx.Option{users, spare, fx.Provide(fx.Annotated{Name: "backup", Target: openOther})},
			`*di_test.DB named "backup" is provided twice, by fx.Supply and by di_test.openOther: leave one, or give one a name with fx.Annotated{Name: …}`},
		{"two per call", []fx.Option{orders, conf, fx.Provide(openDB), di.PerCall(inTx), di.PerCall(inOtherTx)},
			"di_test.Store is provided per call twice, by di_test.inTx and by di_test.inOtherTx: leave one, or give one a name with fx.Annotated{Name: …}"},
		{"an invoke", []fx.Option{fx.Invoke(func(*Conf) {})},
			"the function at mistake_test.go:N needs *di_test.Conf, which nothing provides: add fx.Provide(func(…) (*di_test.Conf, error)) to the module"},
		{"an invoke fails", []fx.Option{fx.Invoke(func() error { return errLocked })}, "the file is locked"},
		{"an error of fx's own", []fx.Option{fx.Provide(7)}, "must provide constructor function, got 7 (type int)"},
		{"several", []fx.Option{fx.Error(errLocked, fmt.Errorf("open: %w", errLocked))}, "the file is locked\nopen: the file is locked"},
		{"di.PerCall of nothing", []fx.Option{di.PerCall(nil), di.PerCall(7), di.PerCall(func() {})},
			"di.PerCall: <nil> is no constructor: write a func(…) di.Provider[T], or fx.Annotated with one\n" +
				"di.PerCall: int is no constructor: write a func(…) di.Provider[T], or fx.Annotated with one\n" +
				"di.PerCall: func() returns nothing: let it return di.Provider[T] or (di.Provider[T], error)"},
		{"di.PerCall of another constructor", []fx.Option{di.PerCall(newStore), di.PerCall(both), di.PerCall(provider), di.PerCall(provide(7))},
			"di.PerCall: func(*di_test.DB) di_test.Store returns no di.Provider: let it return di.Provider[di_test.Store]\n" +
				"di.PerCall: func() (di.Provider[di_test.Store], di.Provider[int], error) returns more than a provider and an error: give PerCall one constructor for each\n" +
				"di.PerCall: func(context.Context) (di_test.Store, di.Done, error) returns no di.Provider: let it return di.Provider[di_test.Store]\n" +
				"di.PerCall: di.Provider[int] is the provider itself: give the function that returns it"},
		{"di.PerCall in a group", []fx.Option{di.PerCall(fx.Annotated{Group: "stores", Target: inTx})},
			"di.PerCall: func(*di_test.DB) di.Provider[di_test.Store] is in the group stores: leave Group out, a field has one value"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := regexp.MustCompile(`(_test\.go):\d+`).ReplaceAllString(mistakes(di.New(tc.opts...)), "$1:N")
			if got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

// An error of a constructor can be told.
func TestConstructorsErrorIsKept(t *testing.T) {
	app := di.New(di.Fill(new(Users)), fx.Provide(failDB))
	if err := bind(app.Targets[0], &di.Plan{}, 0); !errors.Is(err, errLocked) {
		t.Errorf("got %v, want it to wrap %v", err, errLocked)
	}
}
