// Package browser tests the pages of examples in a real browser.
//
// It is a separate module, so that gomeko does not depend on chromedp.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
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

// css selects elements of the page.
type css = chromedp.CSS

// TestBoard lets two people open the page, each in a tab.
func TestBoard(t *testing.T) {
	chromium := hosttest.Chromium(t)
	var port hosttest.Port
	h := servicetest.New(t, board.New(), orders.Module, users.Module,
		fx.Replace(orders.Settings{Database: filepath.Join(t.TempDir(), "orders.db")}),
		service.Configure(web.Config{Listen: port.Listen}))
	ctx := browser(t, chromium)
	julio, ana := tab(t, ctx), tab(t, ctx)

	// Both open the page, which has no orders yet and says that it is live.
	for _, page := range []context.Context{julio, ana} {
		run(t, page, chromedp.Navigate("http://"+port.Address()), chromedp.WaitVisible(css("#state.live")), chromedp.WaitVisible(css("#empty")))
	}

	// Ana orders with the form, and both see it.
	run(t, ana,
		chromedp.SetValue(css("[name=user_id]"), "8"),
		chromedp.SetValue(css("[name=product]"), "coffee"),
		chromedp.SetValue(css("[name=count]"), "2"),
		chromedp.Click(css("button")))
	for _, page := range []context.Context{julio, ana} {
		equal(t, page, "#orders li:first-child", "2× coffee Ana")
	}

	// An order for Julio is created by RPC, and both see it on top.
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

	// After a reload the page still has the earlier orders.
	run(t, julio, chromedp.Reload(), chromedp.WaitVisible(css("#state.live")))
	equal(t, julio, "#orders li:last-child", "2× coffee Ana")

	// A fourth order is refused: the page says why, and does not add one.
	create("a2", "tea")
	is(t, julio, `document.querySelectorAll("#orders li").length`, "=== 3") // events are handled in any order
	create("a3", "coffee")
	run(t, julio, chromedp.SetValue(css("[name=user_id]"), "7"), chromedp.Click(css("button")))
	equal(t, julio, "#problem:not(:empty)", "You have too many orders already.")
	equal(t, julio, "#orders li:first-child", "1× coffee Julio")
}

// browser starts a headless Chromium, which is closed when the test ends.
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

// equal waits until the element that the selector finds has the text want.
func equal(t *testing.T, page context.Context, selector, want string) {
	t.Helper()
	is(t, page, text(selector), fmt.Sprintf("=== %q", want))
}

// begins waits until the text of the element begins with want.
func begins(t *testing.T, page context.Context, selector, want string) {
	t.Helper()
	is(t, page, text(selector), fmt.Sprintf(".startsWith(%q)", want))
}

// text returns a JavaScript expression for the text of an element.
func text(selector string) string {
	return fmt.Sprintf(`(document.querySelector(%q)?.innerText ?? "").split(/\s+/).join(" ")`, selector)
}

// is waits until a JavaScript expression, followed by a condition, is true.
func is(t *testing.T, page context.Context, expression, condition string) {
	t.Helper()
	same := chromedp.Poll[bool](expression+condition, chromedp.WithPollingTimeout(hosttest.Timeout/4))
	_, err := chromedp.Run(page, same)
	var gone *cdproto.Error // the document was replaced meanwhile, as after a click on a link
	for end := time.Now().Add(hosttest.Timeout / 4); errors.As(err, &gone) && time.Now().Before(end); {
		_, err = chromedp.Run(page, same)
	}
	if err != nil {
		got, _ := chromedp.Run(page, chromedp.Evaluate[any](expression))
		t.Fatalf("%s: got %v, want %s: %v", expression, got, condition, err)
	}
}
