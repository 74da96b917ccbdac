package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// fetchTimeout is the longest that the issuer is waited for.
	fetchTimeout = 5 * time.Second
	// fetchPause is the shortest time between two fetches: anybody can make a token with an unknown key.
	fetchPause = 30 * time.Second
	// largestSet is the largest answer of an issuer that is read, in bytes.
	largestSet = 1 << 20
)

// keys is the issuer's keys.
type keys struct {
	url string
	set atomic.Pointer[jose.JSONWebKeySet]

	mu    sync.Mutex // held while keys are fetched; guards tried
	tried time.Time  // when they were last
}

// find returns the key with this id. For one that is not known the issuer is asked, unless it was a short time ago.
func (k *keys) find(id string) (jose.JSONWebKey, error) {
	if key, ok := k.look(id); ok {
		return key, nil
	}
	if err := k.refresh(id); err != nil {
		return jose.JSONWebKey{}, err
	}
	if key, ok := k.look(id); ok {
		return key, nil
	}
	return jose.JSONWebKey{}, fmt.Errorf("invalid kid: %s", id)
}

func (k *keys) look(id string) (jose.JSONWebKey, bool) {
	found := k.set.Load().Key(id)
	if id == "" || len(found) == 0 {
		return jose.JSONWebKey{}, false
	}
	return found[0], true
}

// refresh fetches the keys once more, where that may be done and nobody else has found the key meanwhile. It does not end
// with the request: whoever left early could keep the keys from everybody else.
func (k *keys) refresh(id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.look(id); ok || time.Since(k.tried) < fetchPause {
		return nil
	}
	return k.fetchLocked(context.Background())
}

func (k *keys) fetch(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.fetchLocked(ctx)
}

// fetchLocked fetches the keys. k.mu is held.
func (k *keys) fetchLocked(ctx context.Context) error {
	k.tried = time.Now()
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := get(ctx, k.url, &raw); err != nil {
		return err
	}
	set := new(jose.JSONWebKeySet)
	for _, text := range raw.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) == nil { // one of a kind that is not known here is nobody's here
			set.Keys = append(set.Keys, key)
		}
	}
	k.set.Store(set)
	return nil
}

// get asks the issuer for a JSON object.
func get(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "openfaas-watchdog")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, largestSet))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", url, err)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}

// client keeps no connections: keys are fetched now and then.
var client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
