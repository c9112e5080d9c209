package runner

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestPanel adds users and groups with the commands, and reads the audit trail.
func TestPanel(t *testing.T) {
	eachStore(t, func(t *testing.T, uri string) {
		t.Setenv(panelVariable, uri)
		s := deadStage{t, "amqp://127.0.0.1:1/", nil} // the commands need no broker
		typing := func(text string, status int, args string) string {
			t.Helper()
			file := filepath.Join(t.TempDir(), "stdin")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			in, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			_, diagnostics := s.runWith(in, status, args)
			return diagnostics
		}
		_, hint := s.run(0, "panel user ls")
		if want := "there are no users: add one with gomeko panel user add NAME"; !strings.Contains(hint, want) {
			t.Errorf("no users: %s", hint)
		}
		typing("correct horse battery\n", 0, "panel user add ann --group control/dashboard --group reports")
		typing("correct horse battery", 0, "panel user add root --superuser")
		s.run(0, "panel user add sso --no-password")
		s.matches("panel user ls", `^USER +STATE +LAST LOGIN +GROUPS\nann +- +- +control control/dashboard reports\nroot +superuser +- +-\nsso +- +- +-\n$`)
		s.matches("panel user ls --json", `^\{"name":"ann","superuser":false,"groups":\["control","control/dashboard","reports"\],"created":"[^"]*Z"\}\n`)
		s.matches("panel user groups ann --remove control --add reports", `^control/dashboard  locked: not in control\nreports\n$`)
		s.matches("panel user groups ann", `locked`)
		s.run(0, "panel group add control/dashboard/orders")
		s.matches("panel group tree", `^control\n  dashboard: ann\n    orders\nreports: ann\n$`)
		s.matches("panel group tree --json", `^\{"path":"control","members":\[\],"created":`)
		typing("a better password", 0, "panel user passwd ann")
		s.run(0, "panel user disable ann")
		s.matches("panel user ls", `(?m)^ann +disabled`)
		s.run(0, "panel user enable ann")
		s.run(0, "panel group rm control")
		s.matches("panel group tree", `^reports: ann\n$`)
		s.matches("panel audit --object ann --limit 3", `^AT +WHO +FROM +DID +TO +DETAILS +FAILED\n.* +\S+@\S+ +command line +user.enable +ann +- +-\n.*user.disable .*\n.*user.passwd .*\n$`)
		s.matches("panel audit --action group.rm", `^AT[^\n]*\n$`)
		s.matches("panel audit --action group.remove --json", `"action":"group.remove","object":"control","details":\{\}\}\n$`)

		for args, want := range map[string]string{
			"panel --listen 8080":              `gomeko.panel.listen: must be host:port, as in 127.0.0.1:8080, not "8080"`,
			"panel user add":                   "panel user add: name a user, as in gomeko panel user add NAME",
			"panel user groups ann reports":    "panel user groups: name a user, as in gomeko panel user groups NAME",
			"panel user passwd ann":            "stdin has no password",
			"panel user ls --database sqlite:": "database: must be sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE",
			"panel user ls --database x:y@z":   "database: must be sqlite:FILE",
		} {
			if got := typing("", 2, args); !strings.Contains(got, want) {
				t.Errorf("gomeko %s: %s", args, got)
			}
		}
		for args, want := range map[string]string{
			"panel user add ann":                  "user ann exists already",
			"panel user groups ann --add reprots": "group reprots does not exist",
			"panel user disable zoe":              "user zoe does not exist",
			"panel group rm sales":                "group sales does not exist",
			"panel user unlink ann":               "user ann does not log in elsewhere",
		} {
			if got := typing("correct horse battery\n", 1, args); !strings.Contains(got, want) {
				t.Errorf("gomeko %s: %s", args, got)
			}
		}
		if got := typing("", 2, "panel user link ann --subject 7"); !strings.Contains(got, "name the account: --subject SUB, and --issuer URL") {
			t.Errorf("gomeko panel user link: %s", got)
		}
		s.run(0, "panel user link ann --issuer https://id.example.org --subject 7")
		s.matches("panel user ls --json", `(?m)^\{"name":"ann",.*"issuer":"https://id.example.org","subject":"7"\}$`)
		s.run(0, "panel user unlink ann")
		s.matches("panel audit --action user.link --json", `"object":"ann","details":\{"issuer":"https://id.example.org","subject":"7"\}\}\n$`)
		s.matches("panel audit --limit 1000", `(?m)user.disable +zoe +- +user zoe does not exist$`)
	})
}

// TestPanelDocumentation compares the table of docs/configuration.md with the keys.
func TestPanelDocumentation(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "<!-- keys of panel -->\n")
	table, _, _ = strings.Cut(table, "<!-- end -->")
	for i := range reflect.TypeFor[panelSettings]().NumField() {
		if key := reflect.TypeFor[panelSettings]().Field(i).Tag.Get("yaml"); !regexp.MustCompile("(?m)^\\| `" + key + "` \\|").MatchString(table) {
			t.Errorf("docs/configuration.md does not have the key %s", key)
		}
	}
}
