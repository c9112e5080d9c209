package browser

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gomeko/gomeko/examples/crew"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/web"
)

// TestCrew lets two people open the page of examples/crew. One listens by Server-Sent Events, the
// other by long polling. Both see every message, even after the server was down.
func TestCrew(t *testing.T) {
	ctx := browser(t, hosttest.Chromium(t))
	neo, trinity := tab(t, ctx), tab(t, ctx)
	both := []context.Context{neo, trinity}
	address := hosttest.FreeAddress(t)
	listen := service.Configure(web.Config{Listen: func(ctx context.Context, _ string) (net.Listener, error) {
		return new(net.ListenConfig).Listen(ctx, "tcp", address)
	}})

	before := t.Run("messages and tasks", func(t *testing.T) {
		servicetest.New(t, crew.Module, listen)
		for _, page := range both {
			run(t, page, chromedp.Navigate("http://"+address+"/page/"), chromedp.WaitVisible(css("#state.live")), chromedp.WaitVisible(css("#empty")))
		}
		run(t, trinity, chromedp.Click(css("[value=poll]")), chromedp.WaitVisible(css("#state.live")))

		// A worker publishes what Neo writes, and the web process publishes what Trinity writes.
		write(t, neo, "Follow the <b>white</b> rabbit.", "/publish")
		for _, page := range both {
			message(t, page, "Follow the <b>white</b> rabbit.")
			run(t, page, chromedp.WaitNotVisible(css("#empty")))
		}
		write(t, trinity, "Knock, knock, Neo.", "/publish2")
		for _, page := range both {
			message(t, page, "Knock, knock, Neo.")
		}

		// Every task shows its result; the one that fails shows it in red.
		for task, want := range map[string]string{
			"/": "string: Wake up Neo.", "/fast": "Timeout", "/parallel": "Test result: Wake up Neo.", "/stat": `string: I'm worker "`,
		} {
			run(t, neo, chromedp.Click(css(`#tasks [data-path="`+task+`"]`)))
			begins(t, neo, "#results li:first-child pre", want)
		}
		run(t, neo, chromedp.WaitVisible(css("#results .bad")))

		// Neither a long result nor a long message makes a page wider than a phone.
		write(t, neo, strings.Repeat("neo", 60), "/publish")
		message(t, trinity, strings.Repeat("neo", 60))
		run(t, neo, chromedp.EmulateViewport(360, 640))
		is(t, neo, "document.documentElement.scrollWidth", "<= 360")
	})
	if !before {
		return
	}
	for _, page := range both { // the server has stopped
		equal(t, page, "#state", "reconnecting")
	}
	servicetest.New(t, crew.Module, listen)
	for _, page := range both {
		run(t, page, chromedp.WaitVisible(css("#state.live")))
	}
	write(t, trinity, "Wake up, Neo.", "/publish")
	for _, page := range both {
		message(t, page, "Wake up, Neo.")
	}
}

// write publishes a message with a button of the page.
func write(t *testing.T, page context.Context, text, path string) {
	t.Helper()
	run(t, page, chromedp.SetValue(css("#message"), text), chromedp.Click(css(`#publish [data-path="`+path+`"]`)))
}

// message waits until the latest message of a page is text.
func message(t *testing.T, page context.Context, text string) {
	t.Helper()
	equal(t, page, "#messages li:first-child span", text)
}
