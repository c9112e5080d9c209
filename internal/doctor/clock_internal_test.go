package doctor

import (
	"strings"
	"testing"
	"time"
)

// A clock may differ by 5 s, plus its resolution and the time that it took to read it.
func TestClock(t *testing.T) {
	began := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for there, want := range map[time.Duration]string{
		0: "", -6 * time.Second: "", 15 * time.Second: "",
		-8 * time.Second:  "its clock is 7s behind that of this host",
		-60 * time.Second: "its clock is 59s behind that of this host",
		60 * time.Second:  "its clock is 50s ahead of that of this host",
	} {
		x := new(examination)
		x.clock("the database", began.Add(there), began, 10*time.Second, time.Second)
		got := ""
		if len(x.Findings) > 0 {
			got = x.Findings[0].What
		}
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", there, got, want)
		}
	}
}
