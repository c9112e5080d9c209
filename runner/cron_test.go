package runner

import (
	"os"
	"strings"
	"testing"
)

func TestCronNext(t *testing.T) {
	for _, c := range []struct {
		args   string // separated by |
		status int
		want   string
	}{
		{"30 2 * * *|--tz|Europe/Madrid|-n|2|--from|2026-03-28T12:00:00Z", 0,
			"Sun 2026-03-29 03:00:00 +02:00 CEST\nMon 2026-03-30 02:30:00 +02:00 CEST\n"},
		{"30 2 * * *|--tz|Europe/Madrid|-n|1|--from|2026-10-24T12:00:00Z|--json", 0,
			`{"time":"2026-10-25T00:30:00Z"}` + "\n"},
		{"61 * * * *", 2, `minute: "61" is not a value: write 0 to 59`},
		{"* * * * *|--tz|Europe/Madird", 2, `--tz "Europe/Madird": is not a time zone`},
		{"* * * * *|--from|yesterday", 2, `--from "yesterday": is not a time`},
		{"* * * * *|-n|0", 2, "-n 0: must be at least 1"},
	} {
		var out, diagnostics strings.Builder
		command := &command{in: os.Stdin, out: &out, err: &diagnostics}
		status := command.execute(command.gomeko(), append([]string{"cron", "next"}, strings.Split(c.args, "|")...))
		got := out.String()
		if c.status != 0 {
			got = diagnostics.String()
		}
		if status != c.status || c.status == 0 && got != c.want || !strings.Contains(got, c.want) {
			t.Errorf("%s: status %d and %q, want %d and %q", c.args, status, got, c.status, c.want)
		}
	}
}
