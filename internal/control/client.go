package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"fwatchdog/internal/report"
	"fwatchdog/pool"
)

// Client speaks with the instance that listens at Path.
type Client struct {
	Path string
}

// ErrRefused is what an instance that was reached says to a wish that it does not fulfil; the text tells why.
var ErrRefused = errors.New("refused")

// Status returns what the instance is now.
func (c Client) Status(ctx context.Context) (state report.State, err error) {
	return state, c.ask(ctx, http.MethodGet, "/status", nil, &state)
}

// Reload has all workers replaced, and returns when that is over. When it has failed the old ones serve on.
func (c Client) Reload(ctx context.Context) (result pool.ReloadResult, err error) {
	return result, c.ask(ctx, http.MethodPost, "/reload", nil, &result)
}

// Scale has n workers kept, and returns how many are.
func (c Client) Scale(ctx context.Context, n int) (workers int, err error) {
	return c.scale(ctx, scaleRequest{Workers: n})
}

// ScaleAuto has as many workers kept as the settings say, and returns how many are.
func (c Client) ScaleAuto(ctx context.Context) (workers int, err error) {
	return c.scale(ctx, scaleRequest{Auto: true})
}

func (c Client) scale(ctx context.Context, wish scaleRequest) (workers int, err error) {
	var kept scaleRequest
	err = c.ask(ctx, http.MethodPost, "/scale", wish, &kept)
	return kept.Workers, err
}

// Stop lets the instance drain, and does not wait for it.
func (c Client) Stop(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, "/stop", nil, nil)
}

// ask sends one request and decodes its answer into document, unless that is nil.
func (c Client) ask(ctx context.Context, method, path string, body, document any) error {
	var dialer net.Dialer
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", c.Path)
	}}
	defer transport.CloseIdleConnections()
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://fwatchdog"+path, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return unreachable(c.Path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return refusal(resp)
	}
	if document == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(document)
}

// unreachable says in words of the user's that nobody listens.
func unreachable(path string, err error) error {
	if op := new(net.OpError); errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("no instance answers on %s: is fwatchdog running, with the same control_socket and TMPDIR? (%w)", path, op.Err)
	}
	return err
}

func refusal(resp *http.Response) error {
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var said failure
	if json.Unmarshal(text, &said) != nil || said.Error == "" {
		return fmt.Errorf("%w: %s", ErrRefused, resp.Status)
	}
	return fmt.Errorf("%w: %s", ErrRefused, said.Error)
}
