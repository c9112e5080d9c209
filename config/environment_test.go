package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/config"
)

// A variable whose value is changed, or that is not substituted, causes a warning, which does not
// show the value.
func TestEnvironmentWarnings(t *testing.T) {
	t.Parallel()
	const value = "the value of ${PW} is read as YAML, "
	const remedy = `: write !raw_env_var "${PW}" to keep any text`
	for _, tc := range []struct {
		text, variable string
		got            any    // of the key password
		want           string // without the place
	}{
		{"${PW}", "hunter2", "hunter2", ""},
		{"${PW}", "12", 12, ""},
		{"${PW}", "a: [1, 2]", map[string]any{"a": []any{1, 2}}, ""},
		{"${PW}", "'#hunter2'", "#hunter2", ""},
		{"${PW}", "", nil, ""},
		{"${PW}", " hunter2 ", "hunter2", ""},
		{"${PW}", "hunter#2", "hunter#2", ""},
		{"${PW}", "#hunter2", nil, value + "which makes it null" + remedy},
		{"${PW}", "hunter2 #def", "hunter2", value + "and what follows a # in it is dropped" + remedy},
		{"${PW}", "[hunter2] # def", []any{"hunter2"}, value + "and what follows a # in it is dropped" + remedy},
		{"${PW}", "~", nil, value + "which makes it null" + remedy},
		{"${PW}", "!hunter2", "", value + "which changes it" + remedy},
		{"${PW}", "hunter2\n--- b", "hunter2", value + "which changes it" + remedy},
		{"postgres://me:${PW}@host/", "hunter2 #", "postgres://me:hunter2", value + "and what follows a # in it is dropped" + remedy},
		{`!env_var "${PW}"`, "~", nil, value + "which makes it null" + remedy},
		{`!raw_env_var "${PW}"`, "#hunter2", "#hunter2", ""},
		{`"${PW}"`, "hunter2", "${PW}", `${PW} is not substituted, because the text is in quotes or in a block: write it without, or with a tag: !raw_env_var "${PW}"`},
		{`'x ${PW:hunter2}'`, "hunter2", "x ${PW:hunter2}", `${PW} is not substituted, because the text is in quotes or in a block: write it without, or with a tag: !raw_env_var "${PW}"`},
		{`"${ PW } $PW"`, "hunter2", "${ PW } $PW", ""},
	} {
		t.Run(tc.text+" "+tc.variable, func(t *testing.T) {
			cfg, err := config.Parse([]byte("db:\n  password: "+tc.text), lookup(map[string]string{"PW": tc.variable}))
			if err != nil {
				t.Fatal(err)
			}
			if got := cfg.Values["db"].(map[string]any)["password"]; !reflect.DeepEqual(got, tc.got) {
				t.Errorf("got %#v, want %#v", got, tc.got)
			}
			want := ""
			if tc.want != "" {
				want = "line 2: db.password: " + tc.want
			}
			got := strings.Join(cfg.Warnings, "\n")
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if strings.Contains(got, "hunter2") {
				t.Errorf("the warning shows the value: %s", got)
			}
		})
	}
}

// The variables of a file are those that are substituted and those in their defaults.
func TestVariables(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse([]byte("# ${COMMENT}\na: ${A}\nb: postgres://${B:me}@${C:${D:host}}/ \nq: \"${QUOTED}\"\nr: !raw_env_var \"${R:x}\"\n"),
		func(name string) (string, bool) { return "${OTHER}", name == "A" })
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"A": "", "B": "me", "C": "${D:host}", "D": "host", "R": "x"}
	if !reflect.DeepEqual(cfg.Variables, want) {
		t.Errorf("got %v, want %v", cfg.Variables, want)
	}
}
