package browser

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/gomeko/gomeko/internal/hosttest"
)

const (
	updatePath = "/services/market/Update"
	reportPath = "/services/market/Report"
)

// TestPanel does what people do with the panel, from a wrong password to logging out.
func TestPanel(t *testing.T) {
	page := tab(t, browser(t, hosttest.Chromium(t)))
	m := startMarket(t)

	// A wrong password is refused.
	m.open(t, page, "/")
	equal(t, page, "h1", "Log in")
	run(t, page, chromedp.SetValue(css("#name"), "ann"), chromedp.SetValue(css("#password"), "wrong"))
	follow(t, page, ".login button")
	shows(t, page, "[role=alert]", "")
	is(t, page, "document.querySelector('#name').value", `=== "ann"`)
	m.logIn(t, page, "ann")

	// A row with a checkbox, which asks for confirmation.
	follow(t, page, fmt.Sprintf(".card[href=%q]", updatePath))
	equal(t, page, "h1", "Update the prices")
	run(t, page, chromedp.SetValue(by("/prices/supplier"), "Norte"), chromedp.Click(by("/test_only")), chromedp.Click(by("add:/prices/shelves")),
		chromedp.WaitVisible(by("/prices/shelves/0")), chromedp.SetValue(by("/prices/shelves/0"), "tea"))
	follow(t, page, ".sheet .primary")
	equal(t, page, "h1", "Run “Update the prices”?")
	follow(t, page, ".question .primary")

	// Its progress is live, up to its result.
	shows(t, page, ".notice.good", "Update the prices was started.")
	if got := hosttest.Next(t, m.begun); !got.testOnly || got.sendEmail || got.prices.Supplier != "Norte" || len(got.prices.Shelves) != 1 {
		t.Errorf("the job got %+v", got)
	}
	shows(t, page, ".lead .state", "Running")
	run(t, page, chromedp.Evaluate[chromedp.Void]("window.same = true"))
	is(t, page, progressAfterRun, `=== "both"`)
	m.steps <- marketStep{0.25, "300 of 1200 prices"}
	shows(t, page, ".progress", "25 %: 300 of 1200 prices")
	is(t, page, "document.querySelector('progress').value", "=== 25")
	m.steps <- marketStep{0.75, "900 of 1200 prices"}
	shows(t, page, ".progress", "75 %: 900 of 1200 prices")
	m.steps <- marketStep{fraction: 1}
	shows(t, page, ".lead .state", "Succeeded")
	shows(t, page, ".result", "changed 1204")
	is(t, page, "window.same", "=== true") // the browser has not loaded the page again

	// Running it again goes through the form, because the row asks for confirmation. It is
	// cancelled while it runs.
	follow(t, page, "form[action$='/again'] button")
	is(t, page, "document.querySelector('[name=\"/test_only\"]').checked", "=== true")
	is(t, page, value("/prices/shelves/0"), `=== "tea"`)
	follow(t, page, ".sheet .primary")
	follow(t, page, ".question .primary")
	hosttest.Next(t, m.begun)
	shows(t, page, ".lead .state", "Running")
	follow(t, page, "form[action$='/cancel'] button")
	shows(t, page, ".lead .state", "Cancelled")

	// A call that fails, then runs with changes, and then again.
	m.open(t, page, reportPath)
	run(t, page, chromedp.SetValue(by("/month"), "2026-13"))
	follow(t, page, ".sheet .primary")
	shows(t, page, ".lead .state", "Failed")
	shows(t, page, ".notice.bad", "there is no month 2026-13")
	follow(t, page, ".button[href*='?again=']")
	is(t, page, value("/month"), `=== "2026-13"`)
	run(t, page, chromedp.SetValue(by("/month"), "2026-10"))
	follow(t, page, ".sheet .primary")
	shows(t, page, ".result table", "Green tea 33")
	first := address(t, page)
	follow(t, page, "form[action$='/again'] button")
	shows(t, page, ".result table", "Green tea 33")
	if second := address(t, page); second == first {
		t.Errorf("Run again has shown %s again", first)
	}

	// The history shows all of it.
	follow(t, page, ".top a[href='/runs']")
	is(t, page, "document.querySelectorAll('.runs tbody tr').length", "=== 5")

	m.retryDead(t, page)

	follow(t, page, ".who button")
	equal(t, page, "h1", "Log in")
	m.open(t, page, "/runs")
	equal(t, page, "h1", "Log in")
}

// progressAfterRun makes the stream of a run send the whole live part and then a progress at the
// same moment. It evaluates to the progress that the page shows then.
const progressAfterRun = `(() => {
	const events = document.querySelector("[sse-connect]")["htmx-internal-data"].sseEventSource;
	events.dispatchEvent(new MessageEvent("run", { data: document.querySelector("[sse-swap=run]").innerHTML }));
	events.dispatchEvent(new MessageEvent("progress", { data: "both" }));
	return document.querySelector("[sse-swap=progress]").innerText;
})()`

// retryDead parks a message, and retries it from its page.
func (m *market) retryDead(t *testing.T, page context.Context) {
	t.Helper()
	m.breakBills()
	m.bill(t, 7)
	m.until(t, page, "/operations/dead", "bills")
	follow(t, page, ".table tbody a")
	shows(t, page, ".table", "order #: the printer has no paper")
	follow(t, page, "[aria-labelledby=messages] tbody a")
	shows(t, page, "pre", `"order": 7`)
	m.broken.Store(nil)
	follow(t, page, "form[action='/operations/dead/retry'] button")
	if got := hosttest.Next(t, m.billed); got != 7 {
		t.Errorf("a bill for order %d was written, want 7", got)
	}
	shows(t, page, ".notice.good", "1 ")
}

// address returns the address of the page.
func address(t *testing.T, page context.Context) string {
	t.Helper()
	location, err := chromedp.Run(page, chromedp.Location())
	if err != nil {
		t.Fatal(err)
	}
	return location
}

// TestPanelForbidden lets a user who is not in a parent group of the row's open and run it, in the
// browser and without one. TestRefusedCalls of package grant does the same at the worker.
func TestPanelForbidden(t *testing.T) {
	page := tab(t, browser(t, hosttest.Chromium(t)))
	m := startMarket(t)
	m.logIn(t, page, "bob")
	const refusal = "It needs the group panel/market, and you are not in it."
	m.open(t, page, reportPath)
	equal(t, page, ".code", "403")
	shows(t, page, "main", refusal)

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	post := func(path string, values url.Values) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.url+path, strings.NewReader(values.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	post("/login", url.Values{"name": {"bob"}, "password": {password}})
	if status, body := post(reportPath, url.Values{"/month": {"2026-10"}}); status != http.StatusForbidden || !strings.Contains(body, refusal) {
		t.Errorf("without a browser: got %d %s", status, body)
	}
}

// TestPanelPlain runs a row in a browser without scripts.
func TestPanelPlain(t *testing.T) {
	page := tab(t, browser(t, hosttest.Chromium(t)))
	m := startMarket(t)
	if _, err := chromedp.Call(page, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	m.logIn(t, page, "ann")
	m.open(t, page, updatePath)
	run(t, page, chromedp.SetValue(by("/prices/supplier"), "Norte"))
	follow(t, page, "[name='add:/prices/shelves']")
	run(t, page, chromedp.SetValue(by("/prices/shelves/0"), "tea"), chromedp.Click(by("/send_email")))
	follow(t, page, ".sheet .primary")
	follow(t, page, ".question .primary")
	if got := hosttest.Next(t, m.begun); got.testOnly || !got.sendEmail || len(got.prices.Shelves) != 1 {
		t.Errorf("the job got %+v", got)
	}
	run(t, page, chromedp.WaitVisible(css("form[action$='/cancel']")))
	at := strings.TrimPrefix(address(t, page), m.url)
	m.steps <- marketStep{fraction: 1}
	m.until(t, page, at, "Succeeded")
	shows(t, page, ".result", "changed 1204")
}

// TestPanelKeyboard logs in, runs a row and opens its result with only the keyboard. The focus is
// always visible.
func TestPanelKeyboard(t *testing.T) {
	page := tab(t, browser(t, hosttest.Chromium(t)))
	m := startMarket(t)
	keys := func(keys string) { t.Helper(); run(t, page, chromedp.KeyEvent(keys)) }
	// to presses Tab until an element has the focus, and returns how often.
	to := func(selector string) (n int) {
		t.Helper()
		for range 60 {
			keys(kb.Tab)
			n++
			state, err := chromedp.Run(page, chromedp.Evaluate[string](fmt.Sprintf(focusState, selector)))
			switch {
			case err != nil:
				t.Fatal(err)
			case state == "there":
				return n
			case state != "elsewhere":
				t.Errorf("on the way to %s: %s", selector, state)
			}
		}
		t.Fatalf("the key Tab does not reach %s", selector)
		return 0
	}
	sent := func(keys string) {
		t.Helper()
		if _, err := chromedp.RunResponse(page, chromedp.KeyEvent(keys)); err != nil {
			t.Fatal(err)
		}
	}

	m.open(t, page, "/login")
	is(t, page, "document.activeElement.id", `=== "name"`)
	keys("ann" + kb.Tab + password)
	sent(kb.Enter)
	m.until(t, page, "/", "Prices, orders and what was sold.")

	// The first Tab on a page leads to the link that skips the navigation.
	if n := to(".skip"); n != 1 {
		t.Errorf("the link to the content comes after %d keys", n)
	}
	is(t, page, "document.activeElement.getBoundingClientRect().top", ">= 0")
	keys(kb.Enter)
	is(t, page, "document.activeElement.id", `=== "main"`)
	to(fmt.Sprintf("a[href=%q]", reportPath))
	sent(kb.Enter)
	to("[name='/month']")
	keys(kb.End + "\b\b10")
	to(".sheet .primary")
	sent(" ")
	shows(t, page, ".result table", "Green tea 33")
	to(".result .table") // it scrolls
	to(".who button")
}

// focusState is a JavaScript expression: true if the element that the selector finds has the focus,
// otherwise what is wrong with the element that has it.
const focusState = `(() => {
	const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
	if (at === document.body) return "elsewhere";
	const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
	if (!seen) return at.outerHTML + " does not show that it has the focus";
	if (box.width < 2 || box.height < 2) return at.outerHTML + " has the focus and is not visible";
	return at.matches(%q) ? "there" : "elsewhere";
})()`
