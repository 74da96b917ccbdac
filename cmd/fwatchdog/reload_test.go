package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAnswersTellNoMoreOfABrokenFunctionOnceAnyReloadHasCompleted(t *testing.T) {
	script, write := shellScript(t)
	write("exec " + function)
	watched := t.TempDir() // without the script
	i := launch(t, "pool_size=1", "watch="+watched, "fprocess="+script)
	i.pid(1)
	const header = "X-Fwatchdog-Reload-Error"
	write("exit 3")
	if err := os.WriteFile(filepath.Join(watched, "saved"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	i.eventually("answers tell of the broken function", func() bool {
		return strings.Contains(i.get("/echo").Header.Get(header), "exit code 3")
	})

	write("exec " + function)
	i.signal(syscall.SIGHUP)

	i.await("reload completed", nil)
	i.eventually("answers tell of it no more", func() bool { return i.get("/echo").Header.Get(header) == "" })
}

func TestAReloadThatIsInterruptedHasNotFailed(t *testing.T) {
	script, write := shellScript(t)
	write("exec " + function)
	i, command := steered(t, "pool_size=1", "fprocess="+script)
	i.pid(1)
	write("exec sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		postReload(ctx, i)
	}()
	i.await("reload began", nil)

	cancel()

	<-gone
	i.await("reload interrupted", nil)
	if _, out, _ := command("status"); strings.Contains(out, "last reload failed") {
		t.Errorf("the status says\n%s", out)
	}
}

// postReload asks for a reload as somebody does who speaks HTTP, and goes with ctx.
func postReload(ctx context.Context, i *instance) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", i.setting("control_socket"))
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, "POST", "http://fwatchdog/reload", nil)
	if err == nil {
		_, err = transport.RoundTrip(req)
	}
	if !errors.Is(err, context.Canceled) {
		i.t.Errorf("got %v", err)
	}
}
