package contract_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Availability has rows for control panels.
type Availability struct {
	_ service.Name `service:"availability" allow:"dashboard/availability"`

	Entrypoints struct {
		Update rpc.Method `rpc:"update(test_only=False)" allow:"update" confirm:"true"`
		Report rpc.Method `rpc:"report(month)" allow:"/reports"`
		Count  rpc.Method `rpc:"count()"`
	}
}

func (*Availability) Update(context.Context, bool) error { return nil }
func (*Availability) Report(context.Context, int) error  { return nil }
func (*Availability) Count(context.Context) error        { return nil }

func (*Availability) Docs() service.Docs {
	return service.Docs{Rows: map[string]service.RowDocs{"Update": {Title: "Update availability", Text: "It takes a while."}}}
}

// The permission of a row is appended to that of its service, or stands alone.
func TestPermissions(t *testing.T) {
	t.Parallel()
	d := describe(t, new(Availability))[0]
	for i, want := range []struct {
		allow, title string
		confirm      bool
	}{
		{"dashboard/availability/update", "Update availability", true},
		{"reports", "", false},
		{"", "", false},
	} {
		if r := d.Rows[i]; r.Allow != want.allow || r.Title != want.title || r.Confirm != want.confirm {
			t.Errorf("got %+v, want %+v", r, want)
		}
	}
	var out bytes.Buffer
	if err := d.Print(&out); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(got, "allowed to dashboard/availability/update, who confirm it") {
		t.Errorf("got\n%s", out.String())
	}
}

// A permission is a path of names, and confirm needs one.
func TestPermissionMistakes(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{}, new(Gates))
	for _, want := range []string{
		`service contract_test.Gates: allow: "a//b" is not a path of groups`,
		`service gates: Up: allow: "../x" is not a path of groups`,
		`service gates: Down: allow: "" is not a path of groups`,
		`service gates: Left: confirm: has no effect without allow: add it, or remove confirm`,
		`service gates: Right: confirm: must be "true" or "false", not "yes"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want in it %s", err, want)
		}
	}
}

// Gates has a mistake of each kind in its permissions.
type Gates struct {
	_ service.Name `service:"gates" allow:"a//b"`

	Entrypoints struct {
		Up    rpc.Method `rpc:"up()" allow:"../x" method:"Move"`
		Down  rpc.Method `rpc:"down()" allow:"" method:"Move"`
		Left  rpc.Method `rpc:"left()" confirm:"true" method:"Move"`
		Right rpc.Method `rpc:"right()" confirm:"yes" method:"Move"`
	}
}

func (*Gates) Move(context.Context) error { return nil }
