package runner

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// The table in docs/configuration.md lists the keys of gomeko.broker and their flags.
func TestBrokerDocumentation(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "<!-- keys of broker -->\n")
	table, _, _ = strings.Cut(table, "<!-- end -->")
	flags := new(command).gomeko().Commands()
	broker := flags[slices.IndexFunc(flags, func(cmd *cobra.Command) bool { return cmd.Name() == "broker" })].Flags()
	var keys, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (?:`--(.*?)`)? *\\| ").FindAllStringSubmatch(table, -1) {
		keys = append(keys, row[1])
		if row[2] != "" && broker.Lookup(row[2]) == nil {
			t.Errorf("%s: there is no flag --%s", row[1], row[2])
		}
		if row[2] != "" && !strings.HasSuffix(named(row[1]), " (--"+row[2]+")") {
			t.Errorf("%s: messages name %s, want --%s", row[1], named(row[1]), row[2])
		}
	}
	for i := range reflect.TypeFor[brokerSettings]().NumField() {
		want = append(want, reflect.TypeFor[brokerSettings]().Field(i).Tag.Get("yaml"))
	}
	if !slices.Equal(keys, want) {
		t.Errorf("docs/configuration.md has the keys\n%q, want\n%q", keys, want)
	}
}
