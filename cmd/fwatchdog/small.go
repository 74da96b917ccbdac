package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"fwatchdog/configs"
)

// healthcheckCommand asks the running instance how it does.
type healthcheckCommand struct{}

func (c *healthcheckCommand) run(settings *configs.Settings, _ []string, io streams) error {
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(settings.Port)) + "/_/health")
	if err != nil {
		return fmt.Errorf("nothing answers on port %d: %w", settings.Port, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/_/health on port %d answers %d", settings.Port, resp.StatusCode)
	}
	return nil
}

// settingsCommand prints every setting.
type settingsCommand struct {
	Markdown bool `help:"As the table of docs/settings.md."`
}

func (c *settingsCommand) run(settings *configs.Settings, _ []string, io streams) error {
	rows := configs.Table(settings)
	text := configs.Text(rows)
	if c.Markdown {
		text = configs.Markdown(rows)
	}
	printNearMisses(settings, io)
	_, err := fmt.Fprint(io.out, text)
	return err
}

// printNearMisses is tellNearMisses for whoever looks at the settings.
func printNearMisses(settings *configs.Settings, io streams) {
	for _, miss := range settings.NearMisses() {
		fmt.Fprintf(io.err, "fwatchdog: the variable %s is not a setting; did you mean %s?\n", miss.Variable, miss.Setting)
	}
}

// versionCommand prints the version.
type versionCommand struct{}

func (c *versionCommand) run(_ *configs.Settings, _ []string, io streams) error {
	_, err := fmt.Fprintf(io.out, "Version: %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// bytesStream is a body at hand, in the form of one that comes in pieces.
type bytesStream struct{ *bytes.Reader }

func newBytesStream(body []byte) bytesStream { return bytesStream{bytes.NewReader(body)} }

// Close is part of io.Closer. A Read never waits.
func (bytesStream) Close() error { return nil }
