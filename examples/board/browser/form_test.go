package browser

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/panel/form"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// shop has a row with fields of all kinds.
type shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		Place rpc.Method `rpc:"place(order, test_only=False, *tags)" doc:"Places an order."`
	}
}

type (
	formOrder struct {
		Product string         `json:"product" minLength:"2" doc:"As in the shop."`
		Count   int            `json:"count" min:"1" max:"9" default:"1"`
		Plan    string         `json:"plan" enum:"free,pro" default:"'free'"`
		At      time.Time      `json:"at"`
		Note    *string        `json:"note"`
		Lines   []formLine     `json:"lines"`
		Labels  map[string]int `json:"labels"`
		Gift    *formGift      `json:"gift"`
		Pin     string         `json:"pin" sensitive:"true" minLength:"1"`
		More    any            `json:"more,omitempty"`
		Rate    *float64       `json:"rate"`
		Sure    *bool          `json:"sure"`
	}
	formLine struct {
		Name  string   `json:"name" minLength:"1"`
		Sizes []string `json:"sizes"`
	}
	formGift struct {
		To   string    `json:"to" minLength:"1"`
		Next *formGift `json:"next"`
	}
)

func (*shop) Place(context.Context, formOrder, bool, []string) error { return nil }

const formPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A form</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/panel.css">
{{if .Script}}<script src="/form.js" defer></script>{{end}}
</head>
<body>
<main>
<h1>Place</h1>
{{if .Done}}<p>Done</p><pre id="done">{{.Done}}</pre>{{else}}
<form method="post"{{if .Lax}} novalidate{{end}}>
{{.Form}}
<button type="submit" class="primary" id="run">Run</button>
</form>{{end}}
</main>
</body>
</html>`

// startForm serves a page with the form of shop. The query parameter script loads the form's
// script, and lax turns off the browser's own checks. The page may not run inline scripts.
func startForm(t *testing.T) string {
	t.Helper()
	c, err := service.New(service.Config{}, new(shop), service.Configure(transport.Config{URI: "amqp://localhost"}))
	if err != nil {
		t.Fatal(err)
	}
	f, err := form.New(contract.Of(c.Host(), codec.JSON)[0], "Place")
	if err != nil {
		t.Fatal(err)
	}
	css, err := os.ReadFile(filepath.Join(hosttest.Root(t), "panel", "assets", "panel.css"))
	if err != nil {
		t.Fatal(err)
	}
	page := template.Must(template.New("page").Parse(formPage))
	show := func(w http.ResponseWriter, r *http.Request, status int, in *form.Input, done string) {
		html, err := in.HTML()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'")
		w.WriteHeader(status)
		query := r.URL.Query()
		if err := page.Execute(w, map[string]any{"Form": html, "Done": done, "Script": query.Has("script"), "Lax": query.Has("lax")}); err != nil {
			t.Error(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /form", func(w http.ResponseWriter, r *http.Request) { show(w, r, http.StatusOK, f.Blank(), "") })
	mux.HandleFunc("POST /form", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		in := f.Parse(r.PostForm)
		if in.Edited() {
			show(w, r, http.StatusOK, in, "")
			return
		}
		arguments, faults := in.Arguments()
		if len(faults) > 0 {
			show(w, r, http.StatusUnprocessableEntity, in, "")
			return
		}
		show(w, r, http.StatusOK, in, string(arguments))
	})
	mux.HandleFunc("GET /form.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write([]byte(form.Script()))
	})
	mux.HandleFunc("GET /panel.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		_, _ = w.Write(css)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/form"
}

// by selects the input with a name.
func by(name string) css { return css(fmt.Sprintf("[name=%q]", name)) }

// value returns a JavaScript expression for the value of the input with a name.
func value(name string) string {
	return fmt.Sprintf("document.querySelector(%q)?.value", string(by(name)))
}

// done waits until the page shows the arguments that were sent.
func done(t *testing.T, page context.Context, want string) {
	t.Helper()
	run(t, page, chromedp.WaitVisible(css("#done")))
	got, err := chromedp.Run(page, chromedp.Evaluate[string](`document.querySelector("#done").textContent`))
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestFormRows adds and removes rows, groups and entries, with and without the script. The
// arguments are the same.
func TestFormRows(t *testing.T) {
	ctx := browser(t, hosttest.Chromium(t))
	address := startForm(t)
	for _, name := range []string{"with JavaScript", "without JavaScript"} {
		t.Run(name, func(t *testing.T) {
			page := tab(t, ctx)
			without := name == "without JavaScript"
			if _, err := chromedp.Call(page, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: without}); err != nil {
				t.Fatal(err)
			}
			click := func(name, appears string) {
				t.Helper()
				if without { // the server sends the form again
					if _, err := chromedp.RunResponse(page, chromedp.Click(by(name))); err != nil {
						t.Fatal(err)
					}
				} else {
					run(t, page, chromedp.Click(by(name)))
				}
				if appears != "" {
					run(t, page, chromedp.WaitVisible(by(appears)))
				}
			}
			run(t, page, chromedp.Navigate(address+"?script"), chromedp.WaitVisible(css("#run")),
				chromedp.SetValue(by("/order/product"), "tea"),
				chromedp.SetValue(by("/order/at"), "2026-01-02T03:04"),
				chromedp.SetValue(by("zone:/order/at"), "+05:30"))
			click("add:/order/lines", "/order/lines/0/name")
			// The new row has the focus.
			is(t, page, "document.activeElement.name", `=== "/order/lines/0/name"`)
			run(t, page, chromedp.SetValue(by("/order/lines/0/name"), "first"))
			click("add:/order/lines", "/order/lines/1/name")
			run(t, page, chromedp.SetValue(by("/order/lines/1/name"), "second"))
			click("add:/order/lines/1/sizes", "/order/lines/1/sizes/0")
			run(t, page, chromedp.SetValue(by("/order/lines/1/sizes/0"), "XL"))
			click("remove:/order/lines/0", "")
			click("add:/order/labels", "key:/order/labels/0")
			run(t, page, chromedp.SetValue(by("key:/order/labels/0"), "a/b"), chromedp.SetValue(by("/order/labels/0"), "7"))
			click("add:/order/gift", "/order/gift/to")
			run(t, page, chromedp.SetValue(by("/order/gift/to"), "Ana"))
			click("add:/order/gift/next", "/order/gift/next/to")
			click("remove:/order/gift/next", "")
			run(t, page, chromedp.WaitNotPresent(by("/order/gift/next/to")))
			click("add:/tags", "/tags/0")
			run(t, page, chromedp.SetValue(by("/tags/0"), "new"), chromedp.SetValue(by("/order/pin"), "1234"),
				chromedp.Click(by("/test_only")), chromedp.Click(css("#run")))
			done(t, page, `{"order":{"product":"tea","count":1,"plan":"free","at":"2026-01-02T03:04:00+05:30","lines":[{"name":"second","sizes":["XL"]}],`+
				`"labels":{"a/b":7},"gift":{"to":"Ana"},"pin":"1234"},"test_only":true,"tags":["new"]}`)
		})
	}
}

// TestFormFaults sends wrong values. They are shown at their fields, to which the links of the
// summary lead.
func TestFormFaults(t *testing.T) {
	page := tab(t, browser(t, hosttest.Chromium(t)))
	run(t, page, chromedp.Navigate(startForm(t)+"?script&lax"), chromedp.WaitVisible(css("#run")),
		chromedp.SetValue(by("/order/product"), "x"), chromedp.SetValue(by("/order/count"), "99"),
		chromedp.SetValue(by("/order/pin"), "secret"), chromedp.SetValue(by("json:/order/more"), "{"),
		chromedp.Click(css("#run")), chromedp.WaitVisible(css("#form-faults")))
	equal(t, page, "#form-faults h2", "4 values are wrong")
	is(t, page, "document.activeElement.id", `=== "form-faults"`)
	for name, want := range map[string]string{
		"/order/product": "must have at least 2 characters", "/order/count": "must be at most 9", "/order/at": "is required",
		"json:/order/more": `must be JSON, such as 12, true, "a text in quotes", ["a", "list"] or {"an": "object"}`,
	} {
		is(t, page, fmt.Sprintf("document.querySelector(%q).getAttribute('aria-invalid')", string(by(name))), `=== "true"`)
		is(t, page, fmt.Sprintf(`document.querySelector(%q).getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id).innerText).join("|")`,
			string(by(name))), fmt.Sprintf(".endsWith(%q)", want))
	}
	is(t, page, value("/order/count"), `=== "99"`)
	is(t, page, value("/order/pin"), `=== ""`) // it is never sent back
	run(t, page, chromedp.Click(css(`#form-faults a[href="#f-order-count"]`)))
	is(t, page, "location.hash", `=== "#f-order-count"`)
	is(t, page, `document.querySelector(":target").name`, `=== "/order/count"`)
}

// TestFormKeyboard fills in the form with only the keyboard, including the picker of the time.
// Enter in a text field sends the form and does not add a row.
func TestFormKeyboard(t *testing.T) {
	page := tab(t, browser(t, hosttest.Chromium(t)))
	run(t, page, chromedp.Navigate(startForm(t)+"?script"), chromedp.WaitVisible(css("#run")))
	to := func(name string) {
		t.Helper()
		for range 80 {
			run(t, page, chromedp.KeyEvent(kb.Tab))
			at, err := chromedp.Run(page, chromedp.Evaluate[string](`document.activeElement.name ?? document.activeElement.id`))
			if err != nil {
				t.Fatal(err)
			}
			if at == name {
				return
			}
		}
		t.Fatalf("the key Tab does not reach %s", name)
	}
	keys := func(keys string) { t.Helper(); run(t, page, chromedp.KeyEvent(keys)) }
	to("/order/product")
	keys("tea")
	to("/order/plan")
	keys("p")
	to("/order/at")
	keys("01022026" + kb.ArrowRight + "030405P")
	to("zone:/order/at")
	keys("UTC+02")
	to("add:/order/lines")
	keys(kb.Enter)
	is(t, page, "document.activeElement.name", `=== "/order/lines/0/name"`)
	keys("first")
	to("remove:/order/lines/0")
	keys(" ")
	is(t, page, "document.activeElement.name", `=== "add:/order/lines"`)
	keys(" ")
	is(t, page, "document.activeElement.name", `=== "/order/lines/1/name"`)
	keys("one")
	to("/order/pin")
	keys("1")
	to("/test_only")
	keys(" ")
	to("add:/tags")
	keys(kb.Enter)
	is(t, page, "document.activeElement.name", `=== "/tags/0"`)
	keys("new" + kb.Enter)
	done(t, page, `{"order":{"product":"tea","count":1,"plan":"pro","at":"2026-01-02T15:04:05+02:00","lines":[{"name":"one","sizes":[]}],"labels":{},"pin":"1"},"test_only":true,"tags":["new"]}`)
}

// TestFormAxe runs axe-core on the form: blank, with rows, and with faults, in dark mode and on a
// phone.
func TestFormAxe(t *testing.T) {
	axe := hosttest.Axe(t)
	page := tab(t, browser(t, hosttest.Chromium(t)))
	check := func(what string) {
		t.Helper()
		run(t, page, chromedp.Evaluate[chromedp.Void](axe))
		for _, fault := range faults(t, page) {
			t.Errorf("%s: %s", what, fault)
		}
	}
	address := startForm(t)
	run(t, page, chromedp.Navigate(address+"?script&lax"), chromedp.WaitVisible(css("#run")))
	check("blank")
	for _, name := range []string{"add:/order/lines", "add:/order/lines/0/sizes", "add:/order/labels", "add:/order/gift", "add:/tags"} {
		run(t, page, chromedp.Click(by(name)))
	}
	check("with rows")
	run(t, page, chromedp.Click(css("#run")), chromedp.WaitVisible(css("#form-faults")))
	check("with faults")
	dark := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}
	if _, err := chromedp.Call(page, emulation.SetEmulatedMedia, dark); err != nil {
		t.Fatal(err)
	}
	is(t, page, `matchMedia("(prefers-color-scheme: dark)").matches`, "")
	check("in the dark")
	run(t, page, chromedp.EmulateViewport(360, 640))
	check("on a phone")
	is(t, page, "document.documentElement.scrollWidth", "<= 360")
}
