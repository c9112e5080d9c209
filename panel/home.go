package panel

import (
	"cmp"
	"net/http"
	"strings"
	"unicode"

	"github.com/gomeko/gomeko/contract"
)

// homePages are the pages that show what users may run.
func homePages() []page {
	return []page{{pattern: "GET /{$}", name: "Services", serve: showHome}}
}

// A shownService is a service with the rows that people may run.
type shownService struct {
	*hosted
	Rows   []shownRow
	Locked []shownRow // rows that the user may not run
}

// A shownRow is a row that people may run.
type shownRow struct {
	*contract.Row
	Service string
	Path    string // of its page
	Missing string // the first group that the user lacks; "" if the user may run the row
}

// Heading returns the name of the row for users.
func (r *shownRow) Heading() string { return cmp.Or(r.Title, words(r.Name)) }

// Help returns a text that says what the row does.
func (r *shownRow) Help() string { return cmp.Or(r.Text, r.Doc) }

// Job reports whether the row runs as a job, for which nobody waits.
func (r *shownRow) Job() bool { return r.Kind == "jobs" }

// words splits the name of a row into words: UpdatePrices becomes Update prices.
func words(name string) string {
	var b strings.Builder
	before := 'A'
	for _, c := range name {
		if unicode.IsUpper(c) && !unicode.IsUpper(before) {
			b.WriteByte(' ')
		}
		if b.Len() > 0 {
			b.WriteRune(unicode.ToLower(c))
		} else {
			b.WriteRune(c)
		}
		before = c
	}
	return b.String()
}

// A homePage is the data of the page of services.
type homePage struct {
	Query    string // the search
	Services []shownService
	Hidden   bool // there are services, but none that the user may run or that the search finds
}

func showHome(v *visit) error {
	home := homePage{Query: strings.TrimSpace(v.r.URL.Query().Get("q"))}
	for _, s := range v.catalog.all() {
		shown := shownService{hosted: s}
		for i := range s.Rows {
			row := &s.Rows[i]
			if row.Allow == "" {
				continue
			}
			r := shownRow{row, s.Service, rowPath(s.Service, row.Name), v.user.Missing(row.Allow)}
			switch {
			case !r.matches(home.Query):
				home.Hidden = true
			case r.Missing == "":
				shown.Rows = append(shown.Rows, r)
			default:
				shown.Locked = append(shown.Locked, r)
			}
		}
		if len(shown.Rows)+len(shown.Locked) > 0 {
			home.Services = append(home.Services, shown)
		}
	}
	return v.render(http.StatusOK, "home.html", "Services", home)
}

// matches reports whether the names and texts of the row contain all words of a query.
func (r *shownRow) matches(query string) bool {
	text := strings.ToLower(strings.Join([]string{r.Service, r.Name, r.Heading(), r.Help()}, " "))
	for word := range strings.FieldsSeq(strings.ToLower(query)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
