package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// issuer is one that can be asked by HTTP.
type issuer struct {
	*httptest.Server
	t       *testing.T
	set     jose.JSONWebKeySet
	extra   string // another key, as JSON
	fetches atomic.Int32
	agent   atomic.Value
	broken  atomic.Bool
	signers map[string]jose.SigningKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t, signers: map[string]jose.SigningKey{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/about", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, i.URL, i.URL+"/keys")
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		i.fetches.Add(1)
		i.agent.Store(r.UserAgent())
		if i.broken.Load() {
			http.Error(w, "broken", http.StatusInternalServerError)
			return
		}
		text, err := json.Marshal(i.set)
		if err != nil {
			t.Error(err)
		}
		if i.extra != "" {
			text = bytes.Replace(text, []byte(`"keys":[`), []byte(`"keys":[`+i.extra+","), 1)
		}
		_, _ = w.Write(text)
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// add makes a key with this id, and publishes it.
func (i *issuer) add(id string, algorithm jose.SignatureAlgorithm) {
	i.t.Helper()
	private := newKey(i.t, algorithm)
	i.signers[id] = jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: private, KeyID: id}}
	i.set.Keys = append(i.set.Keys, jose.JSONWebKey{Key: private.Public(), KeyID: id, Use: "sig"})
}

func newKey(t *testing.T, algorithm jose.SignatureAlgorithm) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch algorithm {
	case jose.ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.ES384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (i *issuer) guard() *Guard {
	i.t.Helper()
	g, err := New(i.t.Context(), Config{Namespace: "ns", Name: "fn", Authority: i.URL + "/about"})
	if err != nil {
		i.t.Fatal(err)
	}
	return g
}

// good is what a token says that passes.
func (i *issuer) good() map[string]any {
	now := time.Now().Unix()
	return map[string]any{"iss": i.URL, "aud": []string{"other", i.URL}, "exp": now + 60, "nbf": now - 1, "iat": now - 1,
		"function": map[string]any{"permissions": []string{"ns:*"}}}
}

// token signs what a token says.
func sign(t *testing.T, key jose.SigningKey, says any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(says).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTokensOfEveryKindOfKeyPass(t *testing.T) {
	i := newIssuer(t)
	kinds := []jose.SignatureAlgorithm{jose.RS256, jose.RS512, jose.PS256, jose.ES256, jose.ES384, jose.EdDSA}
	for _, kind := range kinds {
		i.add(string(kind), kind)
	}
	i.extra = `{"kty":"new","kid":"of a kind that is not known"}`
	g := i.guard()
	for _, kind := range kinds {
		token := sign(t, i.signers[string(kind)], i.good())
		for _, header := range []string{"Bearer " + token, token} {
			if err := g.Check(header); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}
	if got := i.agent.Load(); got != "openfaas-watchdog" || i.fetches.Load() != 1 {
		t.Errorf("the issuer was asked %d times, by %q", i.fetches.Load(), got)
	}
}

func TestTokensThatDoNotPass(t *testing.T) {
	i := newIssuer(t)
	i.add("key", jose.RS256)
	g := i.guard()
	now := time.Now().Unix()
	other := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: newKey(t, jose.RS256), KeyID: "key"}}
	says := func(name string, value any) map[string]any {
		m := i.good()
		m[name] = value
		return m
	}
	for name, test := range map[string]struct {
		key  jose.SigningKey
		says any
		want string
	}{
		"another's signature": {other, i.good(), "error in cryptographic primitive"},
		"another issuer":      {i.signers["key"], says("iss", "x"), "iss"},
		"for somebody else":   {i.signers["key"], says("aud", "x"), "aud"},
		"expired":             {i.signers["key"], says("exp", now-3), "expired"},
		"not yet":             {i.signers["key"], says("nbf", now+30), "nbf"},
		"issued later":        {i.signers["key"], says("iat", now+30), "iat"},
		"no audience":         {i.signers["key"], says("aud", []string{}), "aud"},
	} {
		t.Run(name, func(t *testing.T) {
			err := g.Check("Bearer " + sign(t, test.key, test.says))
			if !errors.As(err, new(*TokenError)) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "jose") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	for _, header := range []string{"", "Bearer "} {
		if err := g.Check(header); !errors.Is(err, ErrNoToken) {
			t.Errorf("%q: got %v", header, err)
		}
	}
	for _, header := range []string{"Bearer x", "Bearer a.b.c", "Basic dTpw"} {
		if err := g.Check(header); !errors.As(err, new(*TokenError)) {
			t.Errorf("%q: got %v", header, err)
		}
	}
	if err := g.Check(sign(t, i.signers["key"], says("exp", time.Now().Unix()))); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
}

func TestAlgorithmsAreNotConfused(t *testing.T) {
	i := newIssuer(t)
	i.add("rsa", jose.RS256)
	i.add("ec", jose.ES256)
	i.extra = `{"kty":"oct","kid":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U"}`
	g := i.guard()
	public := i.set.Keys[0].Key.(*rsa.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	hmac := func(key []byte, id string) string {
		return sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: key, KeyID: id}}, i.good())
	}
	head := jwtPart
	good := sign(t, i.signers["rsa"], i.good())
	parts := strings.Split(good, ".")
	for name, token := range map[string]string{
		"HMAC with the public key":      hmac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "rsa"),
		"HMAC with a published secret":  hmac([]byte("secretsecretsecretsecretsecretse"), "oct"),
		"none":                          head(`{"alg":"none","kid":"rsa"}`) + "." + parts[1] + ".",
		"the key of another algorithm":  sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: newKey(t, jose.RS256), KeyID: "ec"}}, i.good()),
		"an algorithm that is not said": head(`{"alg":"ES256","kid":"rsa"}`) + "." + parts[1] + "." + parts[2],
		"no kid":                        head(`{"alg":"RS256"}`) + "." + parts[1] + "." + parts[2],
		"a key in the token":            sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: newKey(t, jose.RS256)}, i.good()),
	} {
		if err := g.Check(token); !errors.As(err, new(*TokenError)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := g.Check(good); err != nil {
		t.Error(err)
	}
}

func TestKeyIsOnlyTakenForWhatItIsMeant(t *testing.T) {
	for name, change := range map[string]func(*jose.JSONWebKey){
		"encryption":        func(k *jose.JSONWebKey) { k.Use = "enc" },
		"another algorithm": func(k *jose.JSONWebKey) { k.Algorithm = "PS512" },
	} {
		i := newIssuer(t)
		i.add("key", jose.RS256)
		change(&i.set.Keys[0])
		if err := i.guard().Check(sign(t, i.signers["key"], i.good())); !errors.As(err, new(*TokenError)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestKeysAreFetchedAgainForAnUnknownOneNowAndThen(t *testing.T) {
	i := newIssuer(t)
	i.add("old", jose.ES256)
	g := i.guard()
	i.add("new", jose.ES256)
	token := sign(t, i.signers["new"], i.good())
	if err := g.Check(token); err == nil || i.fetches.Load() != 1 {
		t.Errorf("right after the start: %v, %d fetches", err, i.fetches.Load())
	}
	g.later()
	if err := g.Check(token); err != nil || i.fetches.Load() != 2 {
		t.Errorf("later: %v, %d fetches", err, i.fetches.Load())
	}
	i.add("unknown", jose.ES256)
	for range 5 {
		if err := g.Check(sign(t, i.signers["unknown"], i.good())); err == nil || i.fetches.Load() != 2 {
			t.Errorf("at once after that: %v, %d fetches", err, i.fetches.Load())
		}
	}
	g.later()
	i.broken.Store(true)
	if err := g.Check(sign(t, i.signers["unknown"], i.good())); !errors.As(err, new(*TokenError)) {
		t.Errorf("with a broken issuer: %v", err)
	}
	if err := g.Check(token); err != nil {
		t.Errorf("the keys that were known are lost: %v", err)
	}
}

// later lets the pause between two fetches pass.
func (g *Guard) later() {
	g.keys.mu.Lock()
	defer g.keys.mu.Unlock()
	g.keys.tried = g.keys.tried.Add(-fetchPause)
}

func TestPermissions(t *testing.T) {
	i := newIssuer(t)
	i.add("key", jose.EdDSA)
	g := i.guard()
	for _, test := range []struct {
		permissions, audience []string
		ok                    bool
	}{
		{[]string{"*"}, nil, true},
		{[]string{"ns:fn"}, nil, true},
		{[]string{"x", "ns:*"}, []string{}, true},
		{[]string{"*:fn"}, []string{"ns:fn"}, true},
		{nil, nil, false},
		{[]string{"n:f"}, nil, false},
		{[]string{"s:fn"}, nil, false},
		{[]string{"*"}, []string{"ns:other"}, false},
		{[]string{"dev:fn"}, nil, false},
	} {
		says := i.good()
		says["function"] = map[string]any{"permissions": test.permissions, "audience": test.audience}
		err := g.Check(sign(t, i.signers["key"], says))
		if want := ErrForbidden; test.ok && err != nil || !test.ok && !errors.Is(err, want) {
			t.Errorf("%q for %q: got %v", test.permissions, test.audience, err)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"a", "ba", false}, {"", "", true}, {"", "a", false},
		{"*", "", true}, {"*", "abc", true}, {"a*", "a", true}, {"a*", "ba", false}, {"*a", "ba", true}, {"*a", "ab", false},
		{"a*a", "a", false}, {"a*a", "aa", true}, {"a*b*c", "axbxc", true}, {"a*b*c", "acb", false}, {"*b*", "abc", true},
		{"a.c", "abc", false}, {"**", "x", true}, {"*ab*ab*", "abxab", true}, {"*ab*ab*", "abab", true}, {"*aba*aba", "ababa", false},
	} {
		if got := matches(test.pattern, test.name); got != test.want {
			t.Errorf("%q matches %q: %v", test.pattern, test.name, got)
		}
	}
}

func TestStartIsRefusedWithoutAnIssuer(t *testing.T) {
	i := newIssuer(t)
	i.broken.Store(true)
	for _, cfg := range []Config{
		{Namespace: "ns", Name: "fn", Authority: i.URL + "/nowhere"},
		{Namespace: "ns", Name: "fn", Authority: i.URL + "/about"},
		{Namespace: "ns", Name: "fn", Authority: "http://127.0.0.1:1/"},
	} {
		if _, err := New(t.Context(), cfg); err == nil {
			t.Errorf("%s: it started", cfg.Authority)
		}
	}
	for want, cfg := range map[string]Config{
		"failed to get function name":      {Namespace: "ns", Authority: i.URL + "/about"},
		"failed to get function namespace": {Name: "fn", Authority: i.URL + "/about"},
	} {
		if _, err := New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// jwtPart encodes a part of a token.
func jwtPart(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
