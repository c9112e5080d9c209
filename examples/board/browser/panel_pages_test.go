package browser

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gomeko/gomeko/internal/hosttest"
)

var (
	update   = flag.Bool("update", false, "make the pictures in docs/panel anew")
	pictures = flag.String("pictures", "", "make a picture of each page of the panel in this `folder`")
)

// faults returns what axe-core finds on the page. If rules are given, such as color-contrast, it
// checks only those.
func faults(t *testing.T, page context.Context, rules ...string) (faults []string) {
	t.Helper()
	limits := map[string]any{}
	if len(rules) > 0 {
		limits["runOnly"] = rules
	}
	options, err := json.Marshal(limits)
	if err != nil {
		t.Fatal(err)
	}
	found, err := chromedp.Run(page, chromedp.Evaluate[string](`axe.run(`+string(options)+`).then((found) => JSON.stringify(found.violations.flatMap(
		(one) => one.nodes.map((node) => one.impact + " " + one.id + ": " + node.html + ": " + node.failureSummary))))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(found), &faults); err != nil {
		t.Fatal(err)
	}
	for i := range faults {
		faults[i] = strings.ReplaceAll(faults[i], "\n", " ")
	}
	return faults
}

// A gallery inspects pages of the panel.
type gallery struct {
	*market
	t    *testing.T
	page context.Context
	axe  string
}

// inspect runs axe-core on the page on a screen and on a phone, in light and dark mode. It only
// logs faults that are not serious. The page may not be wider than the screen.
func (g *gallery) inspect(name string) {
	t := g.t
	t.Helper()
	run(t, g.page, chromedp.Evaluate[chromedp.Void](g.axe))
	for _, width := range []int64{1280, 375} {
		var rules []string // on dark pages, check only the colours, because the rest is the same
		for _, scheme := range []string{"light", "dark"} {
			look(t, g.page, width, scheme)
			what := fmt.Sprintf("%s-%s-%d", name, scheme, width)
			for _, fault := range faults(t, g.page, rules...) {
				if strings.HasPrefix(fault, "serious") || strings.HasPrefix(fault, "critical") {
					t.Errorf("%s: %s", what, fault)
				} else {
					t.Logf("%s: %s", what, fault)
				}
			}
			wide, err := chromedp.Run(g.page, chromedp.Evaluate[string](widest))
			if err != nil {
				t.Fatal(err)
			}
			if wide != "" {
				t.Errorf("%s: the page scrolls sideways: %s", what, wide)
			}
			g.picture(what + ".png")
			rules = []string{"color-contrast"}
		}
	}
}

// widest is a JavaScript expression that returns the page's width and what lies beyond the screen,
// or "" if the page fits.
const widest = `(() => {
	const page = document.documentElement;
	if (page.scrollWidth <= page.clientWidth) return "";
	const out = [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > page.clientWidth + 1);
	return page.scrollWidth + " " + out.slice(0, 3).map((one) => one.outerHTML.slice(0, 120)).join(" ");
})()`

// picture takes a screenshot, if one was requested.
func (g *gallery) picture(name string) {
	g.t.Helper()
	var files []string
	if *pictures != "" {
		files = append(files, filepath.Join(*pictures, name))
	}
	docs := filepath.Join(hosttest.Root(g.t), "docs", "panel", name)
	if _, err := os.Stat(docs); err == nil && *update {
		files = append(files, docs)
	}
	if len(files) == 0 {
		return
	}
	run(g.t, g.page, chromedp.Evaluate[chromedp.Void]("scrollTo(0, 0)"))
	png, err := chromedp.Run(g.page, chromedp.CaptureScreenshot())
	for _, file := range files {
		err = errors.Join(err, os.WriteFile(file, png, 0o644)) //nolint:gosec // anybody may see them
	}
	if err != nil {
		g.t.Error(err)
	}
}

// TestPanelPages runs axe-core on all pages of the panel.
func TestPanelPages(t *testing.T) {
	axe := hosttest.Axe(t)
	chromium := hosttest.Chromium(t)
	for name, inspect := range map[string]func(*gallery){
		"strangers": (*gallery).strangers, "rows": (*gallery).rows, "runs": (*gallery).runs,
		"dead letters": (*gallery).dead, "operations": (*gallery).operations,
	} {
		t.Run(name, func(t *testing.T) {
			inspect(&gallery{startMarket(t), t, tab(t, browser(t, chromium)), axe})
		})
	}
}

// strangers inspects the pages for people who have not logged in, or have few permissions.
func (g *gallery) strangers() {
	g.open(g.t, g.page, "/login")
	g.inspect("login")
	run(g.t, g.page, chromedp.SetValue(css("#name"), "ann"), chromedp.SetValue(css("#password"), "wrong"))
	follow(g.t, g.page, ".login button")
	g.inspect("login-refused")
	g.logIn(g.t, g.page, "bob")
	g.inspect("locked")
	g.open(g.t, g.page, reportPath)
	equal(g.t, g.page, ".code", "403")
	g.inspect("forbidden")
	g.open(g.t, g.page, "/nothing")
	equal(g.t, g.page, ".code", "404")
	g.inspect("missing")
	g.open(g.t, g.page, "/runs")
	g.inspect("runs-none")
	follow(g.t, g.page, ".who a")
	g.inspect("password")
	run(g.t, g.page, chromedp.SetValue(css("#current"), "wrong"), chromedp.SetValue(css("#new"), "short"), chromedp.SetValue(css("#again"), "short"))
	follow(g.t, g.page, "main .primary")
	is(g.t, g.page, "document.activeElement.id", `=== "new"`)
	g.inspect("password-faults")
	g.close()
	g.open(g.t, g.page, "/")
	equal(g.t, g.page, ".code", "503")
	g.inspect("away")
}

// rows inspects the pages that start rows.
func (g *gallery) rows() {
	g.logIn(g.t, g.page, "ann")
	g.inspect("home")
	g.open(g.t, g.page, "/?q=nonsense")
	g.inspect("home-nothing")
	g.open(g.t, g.page, updatePath)
	run(g.t, g.page, chromedp.Click(by("add:/prices/shelves")), chromedp.Click(by("add:/prices/shelves")), chromedp.Click(by("remove:/prices/shelves/0")))
	run(g.t, g.page, chromedp.SetValue(by("/prices/supplier"), "Sur"), chromedp.SetValue(by("/prices/shelves/1"), "tea"), chromedp.Click(by("/test_only")),
		chromedp.Evaluate[chromedp.Void]("document.activeElement.blur()"))
	is(g.t, g.page, "document.querySelector('.form > button').checkVisibility()", "=== false") // it is for the key Enter
	g.inspect("row")
	run(g.t, g.page, chromedp.SetValue(by("/prices/factor"), "7"))
	follow(g.t, g.page, ".sheet .primary")
	run(g.t, g.page, chromedp.WaitVisible(css("#form-faults")))
	g.inspect("row-faults")
	run(g.t, g.page, chromedp.SetValue(by("/prices/factor"), "1.05"))
	follow(g.t, g.page, ".sheet .primary")
	g.inspect("confirm")
}

// runs inspects the pages of runs and their history.
func (g *gallery) runs() {
	t, page := g.t, g.page
	g.logIn(t, page, "ann")
	g.start("Sur")
	g.steps <- marketStep{0.62, "744 of 1200 prices"}
	shows(t, page, ".progress", "62 %: 744 of 1200 prices")
	g.inspect("run")
	g.steps <- marketStep{fraction: 1}
	shows(t, page, ".lead .state", "Succeeded")
	g.inspect("run-succeeded")
	for month, name := range map[string]string{"2026-13": "run-failed", "2026-11": "run-table"} {
		g.open(t, page, reportPath)
		run(t, page, chromedp.SetValue(by("/month"), month))
		follow(t, page, ".sheet .primary")
		run(t, page, chromedp.WaitVisible(css("form[action$='/again']")))
		g.inspect(name)
	}
	g.start("Este")
	follow(t, page, "form[action$='/cancel'] button")
	shows(t, page, ".lead .state", "Cancelled")
	g.inspect("run-cancelled")
	g.start("Norte")
	g.open(t, page, "/runs")
	g.inspect("runs")
	g.open(t, page, "/runs?state=lost")
	g.inspect("runs-nothing")
	g.open(t, page, "/runs?from=tomorrow")
	g.inspect("runs-fault")
	g.steps <- marketStep{fraction: 1}
	g.open(t, page, reportPath)
	g.inspect("row-recent")
}

// start starts an update, and shows its page.
func (g *gallery) start(supplier string) {
	g.t.Helper()
	g.submit(supplier)
	hosttest.Next(g.t, g.begun)
}

// submit requests an update, which may have to wait, and shows its page.
func (g *gallery) submit(supplier string) {
	g.t.Helper()
	g.open(g.t, g.page, updatePath)
	run(g.t, g.page, chromedp.SetValue(by("/prices/supplier"), supplier))
	follow(g.t, g.page, ".sheet .primary")
	follow(g.t, g.page, ".question .primary")
}

// dead inspects the pages about messages that have failed for good.
func (g *gallery) dead() {
	t, page := g.t, g.page
	g.logIn(t, page, "ann")
	g.breakBills()
	g.bill(t, 7, 12, 31)
	g.until(t, page, "/operations/dead", "bills")
	g.inspect("dead")
	g.until(t, page, "/operations/dead/queue?queue=bills", "3 messages")
	g.inspect("dead-queue")
	follow(t, page, "[aria-labelledby=messages] tbody a")
	g.inspect("dead-message")
	follow(t, page, ".button[href*='/edit']")
	g.inspect("dead-edit")
	run(t, page, chromedp.SetValue(css("#text"), "{"))
	follow(t, page, "main .primary")
	g.inspect("dead-edit-fault")
	g.open(t, page, "/operations/dead/queue?queue=bills")
	follow(t, page, "form[action='/operations/dead/drop'] button")
	g.inspect("dead-drop")
}

// operations inspects the other pages for operators.
func (g *gallery) operations() {
	t, page := g.t, g.page
	g.logIn(t, page, "root")
	g.start("Sur")
	g.submit("Este")
	shows(t, page, "main", "Waiting")
	g.inspect("run-waiting")
	waiting := strings.TrimPrefix(address(t, page), g.url)
	tabs := [][2]string{
		{"services", "market"}, {"health", "well"}, {"queues", "rpc-market"}, {"resources", "Update the prices"}, {"timers", "market.Clean"},
		{"jobs", "market.update"}, {"audit", "login"}, {"configuration", "amqp://market"},
	}
	for _, tab := range tabs {
		g.until(t, page, "/operations/"+tab[0], tab[1])
		is(t, page, `document.querySelector(".tabs [aria-current]").getBoundingClientRect().right`, "<= innerWidth") // on the phone, too
		g.inspect(tab[0])
	}
	is(t, page, `document.querySelectorAll(".tabs a").length`, fmt.Sprintf("=== %d", len(tabs)+1)) // dead inspects one
	g.steps <- marketStep{fraction: 1}
	hosttest.Next(t, g.begun)
	g.steps <- marketStep{fraction: 1}
	g.until(t, page, waiting, "Succeeded")
	g.open(t, page, "/operations/jobs")
	follow(t, page, "tbody a")
	g.inspect("job")
	g.open(t, page, "/operations/audit?since=tomorrow")
	g.inspect("audit-fault")
}
