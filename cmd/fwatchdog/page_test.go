package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a headless Chromium that notes whatever the page should not do.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu    sync.Mutex // guards wrong
	wrong []string
}

// open shows an instance's page.
func open(t *testing.T, i *instance) *browser {
	t.Helper()
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(shortDir(t)),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(time.Minute))
	allocated, stop := chromedp.NewExecAllocator(t.Context(), flags...)
	t.Cleanup(stop)
	ctx, stopTab := chromedp.NewContext(allocated)
	t.Cleanup(stopTab)
	if err := chromedp.Run(ctx); err != nil { // the browser lives as long as this context
		t.Fatal(err)
	}
	b := &browser{t: t, ctx: ctx}
	page := strings.TrimSuffix(i.metrics, "/metrics")
	chromedp.ListenTarget(ctx, func(event any) { b.judge(page, event) })
	b.do(network.Enable(), runtime.Enable(), chromedp.EmulateViewport(1200, 1500), chromedp.Navigate(page+"/"),
		chromedp.WaitVisible("#plots canvas"))
	return b
}

// judge notes errors in the console, and requests to other hosts.
func (b *browser) judge(page string, event any) {
	var wrong string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		wrong = e.ExceptionDetails.Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			wrong = fmt.Sprintf("console: %s", e.Args[0].Value)
		}
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Scheme != "data" && u.Scheme+"://"+u.Host != page {
			wrong = "request to " + e.Request.URL
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			wrong = fmt.Sprintf("%d for %s", e.Response.Status, e.Response.URL)
		}
	}
	if wrong != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.wrong = append(b.wrong, wrong)
	}
}

func (b *browser) do(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.t.Fatalf("%v; the page did wrong: %v", err, b.wrong)
	}
}

// text is what a person reads in the element.
func (b *browser) text(selector string) (text string) {
	b.t.Helper()
	b.do(chromedp.Text(selector, &text))
	return text
}

// value is that of an expression.
func value[T any](b *browser, expression string) (result T) {
	b.t.Helper()
	b.do(chromedp.Evaluate(expression, &result))
	return result
}

// screenshot keeps the whole page as a picture where the environment names a folder for it.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	var picture []byte
	b.do(chromedp.FullScreenshot(&picture, 100))
	if len(picture) < 10_000 {
		b.t.Errorf("the picture %s has %d bytes", name, len(picture))
	}
	if folder := os.Getenv("SCREENSHOTS"); folder != "" {
		if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o666); err != nil {
			b.t.Error(err)
		}
	}
}

// drawn tells whether a canvas of the plots shows more than its ground.
const drawn = `[...document.querySelectorAll('#plots canvas')].filter(c => {
	const pixels = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer);
	return new Set(pixels).size > 20;
}).length`

func TestThePageShowsTheInstance(t *testing.T) {
	i := launch(t, "pool_size=2", fmt.Sprintf("metrics_port=%d", freePort(t)), "retry=idempotent")
	_, stop := load(t, i, 4, "/echo")
	defer stop()
	first := i.pid(1)
	b := open(t, i)

	i.eventually("the page shows the workers", func() bool {
		rows := b.text("#workers")
		return strings.Contains(rows, "ready") && strings.Contains(rows, fmt.Sprint(first))
	})
	if phase := b.text("#phase"); phase != "ready" {
		t.Errorf("the phase is %q", phase)
	}
	i.eventually("the plots are drawn", func() bool { return value[int](b, drawn) == 6 })

	if kept := b.text("#kept"); kept != "2 of 2 ready" {
		t.Errorf("of the workers it says %q", kept)
	}
	i.signal(syscall.SIGTTIN)
	i.eventually("it says that the size was set by hand", func() bool {
		return b.text("#kept") == "3 of 3 ready, set by hand; “fwatchdog scale auto” returns to 2"
	})
	before := value[int](b, "samples.length")
	i.eventually("the plots move", func() bool { return value[int](b, "drawn[0].chart.data[0].length") > before+1 })

	best := time.Hour // of several rounds, with a worker each: a busy machine shows it later
	for round := 1; round <= 3 && best > 2*time.Second; round++ {
		killed := time.Now()
		kill(t, i.pid(round))
		i.eventually("the kill is shown with its reason", func() bool { return strings.Count(b.text("#exits"), "crash") == round })
		best = min(best, time.Since(killed))
	}
	if best > 2*time.Second {
		t.Errorf("it was shown after %v", best)
	}
	if none := value[bool](b, "document.querySelector('#none').hidden"); !none {
		t.Error("the page says that there were no restarts")
	}
	i.eventually("the table has the reason, too", func() bool { return strings.Contains(b.text("#workers"), "crash") })

	for _, theme := range []string{"light", "dark"} {
		b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}))
		i.eventually("the plots are drawn in the theme "+theme, func() bool { return value[int](b, drawn) == 6 })
		b.screenshot(theme)
	}
	b.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	i.eventually("the page fits a phone", func() bool { return value[int](b, "document.documentElement.scrollWidth") <= 390 })
	i.eventually("the plots fit a phone", func() bool { return value[int](b, drawn) == 6 })
	b.screenshot("phone")
	if len(b.wrong) > 0 {
		t.Errorf("the page did wrong: %v", b.wrong)
	}
}
