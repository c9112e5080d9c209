package board_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/examples/board"
	"github.com/gomeko/gomeko/examples/orders"
	"github.com/gomeko/gomeko/examples/orders/users"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// css is a selector for elements of the page.
type css = chromedp.CSS

// serve hosts the board and the services that it calls on a free port, and returns its URL.
func serve(t *testing.T) (*servicetest.Host, string) {
	t.Helper()
	var port hosttest.Port
	h := servicetest.New(t, board.New(), orders.Module, users.Module,
		fx.Replace(orders.Settings{Database: filepath.Join(t.TempDir(), "orders.db")}),
		service.Configure(web.Config{Listen: port.Listen}))
	return h, "http://" + port.Address()
}

// Two people see the same orders, each in a browser.
func TestBoard(t *testing.T) {
	chromium := findChromium(t)
	h, url := serve(t)
	ctx := browser(t, chromium)
	julio, ana := tab(t, ctx), tab(t, ctx)

	// Both open the page, which is empty and live.
	for _, page := range []context.Context{julio, ana} {
		run(t, page, chromedp.Navigate(url), chromedp.WaitVisible(css("#state.live")), chromedp.WaitVisible(css("#empty")))
	}

	// Ana orders with the form, and both see the order.
	run(t, ana,
		chromedp.SetValue(css("[name=user_id]"), "8"),
		chromedp.SetValue(css("[name=product]"), "coffee"),
		chromedp.SetValue(css("[name=count]"), "2"),
		chromedp.Click(css("button")))
	for _, page := range []context.Context{julio, ana} {
		equal(t, page, "#orders li:first-child", "2× coffee Ana")
	}

	// An order for Julio is created by RPC, and both see it at the top.
	create := func(id, product string) {
		if err := h.Client("orders").Call(t.Context(), "create_order", nil, rpc.Kwargs{"id", id, "user_id", 7, "product", product}); err != nil {
			t.Fatal(err)
		}
	}
	create("a1", "tea")
	for _, page := range []context.Context{julio, ana} {
		equal(t, page, "#orders li:first-child", "1× tea Julio")
		run(t, page, chromedp.WaitNotVisible(css("#empty")))
	}

	// A page that is opened later shows the earlier orders.
	run(t, julio, chromedp.Reload(), chromedp.WaitVisible(css("#state.live")))
	equal(t, julio, "#orders li:last-child", "2× coffee Ana")

	// A user may have three orders: the page shows the error, and no order appears.
	create("a2", "tea")
	create("a3", "coffee")
	run(t, julio, chromedp.SetValue(css("[name=user_id]"), "7"), chromedp.Click(css("button")))
	equal(t, julio, "#problem:not(:empty)", "You have too many orders already.")
	equal(t, julio, "#orders li:first-child", "1× coffee Julio")
}

// Without the script the form redirects to the page.
func TestForm(t *testing.T) {
	_, url := serve(t)
	defer http.DefaultClient.CloseIdleConnections()
	answer, err := http.Post(url+"/buy", "application/x-www-form-urlencoded", strings.NewReader("id=&user_id=7&product=tea&count=1"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var page bytes.Buffer
	if _, err := page.ReadFrom(answer.Body); err != nil || answer.Request.URL.Path != "/" || !strings.Contains(page.String(), "<title>Orders</title>") {
		t.Errorf("got %s of %s, %v:\n%s", answer.Status, answer.Request.URL, err, page.String())
	}
}

// A method is called on a struct literal.
func TestOrderCreated(t *testing.T) {
	var told []string
	b := board.New()
	b.Hub.Broadcast = func(_ context.Context, channel, event string, data any) error {
		told = append(told, fmt.Sprint(channel, " ", event, " ", data.(board.Order).Product))
		return nil
	}
	b.Hub.Subscribe = func(string, string) error { return nil }
	if err := b.OrderCreated(t.Context(), board.Order{ID: "a1", Product: "tea"}); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0] != "orders order_created tea" {
		t.Errorf("got %q", told)
	}
	latest, err := b.Watch(t.Context(), &web.Socket{ID: "s"})
	if err != nil || len(latest) != 1 || latest[0].ID != "a1" {
		t.Errorf("got %v, %v, want the order", latest, err)
	}
}

// findChromium returns the path of Chromium. Without it the test is skipped, or fails if CI=true.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	hosttest.Missing(t, "no Chromium is installed: run scripts/setup")
	return ""
}

// browser starts a browser without a window, and ends it when the test ends.
func browser(t *testing.T, path string) context.Context {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1000, 700),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(context.Background(), hosttest.Timeout)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("the browser did not end: %v", err)
		}
		cancel()
	})
	run(t, ctx)
	return ctx
}

// tab opens a tab in the browser.
func tab(t *testing.T, browser context.Context) context.Context {
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	run(t, ctx)
	return ctx
}

func run(t *testing.T, page context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(page, actions...); err != nil {
		t.Fatal(err)
	}
}

// equal waits until the element of the selector has the text.
func equal(t *testing.T, page context.Context, selector, want string) {
	t.Helper()
	text := fmt.Sprintf(`(document.querySelector(%q)?.innerText ?? "").split(/\s+/).join(" ")`, selector)
	is := chromedp.Poll[bool](fmt.Sprintf("%s === %q", text, want), chromedp.WithPollingTimeout(hosttest.Timeout/4))
	if _, err := chromedp.Run(page, is); err != nil {
		got, _ := chromedp.Run(page, chromedp.Evaluate[string](text))
		t.Fatalf("%s: got %q, want %q: %v", selector, got, want, err)
	}
}
