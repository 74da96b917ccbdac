package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const gateway = "http://gateway.openfaas:8080"

// issuer plays the gateway, to which HTTP_PROXY leads; it returns what makes tokens that permit these functions.
func issuer(t *testing.T) (proxy string, token func(permissions ...string) string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "k"}}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.String() {
		case gateway + "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer":"the-issuer","jwks_uri":"%s/keys"}`, gateway)
		case gateway + "/keys":
			_, _ = w.Write(set)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return srv.URL, func(permissions ...string) string {
		text, err := jwt.Signed(signer).Claims(map[string]any{"iss": "the-issuer", "aud": "the-issuer", "exp": time.Now().Unix() + 60,
			"function": map[string]any{"permissions": permissions}}).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

// guarded starts an instance with jwt_auth.
func guarded(t *testing.T, proxy string, settings ...string) *instance {
	t.Helper()
	return launch(t, append([]string{"jwt_auth=true", "HTTP_PROXY=" + proxy, "OPENFAAS_NAME=fn", "OPENFAAS_NAMESPACE=ns"}, settings...)...)
}

func TestTokensDecideWhoReachesTheFunction(t *testing.T) {
	proxy, token := issuer(t)
	for mode, settings := range map[string][]string{
		"pool":    {"pool_size=1"},
		"classic": {"mode=classic", "fprocess=env", "log_format=json"},
		"http":    {"mode=http", "log_format=json", "pool_size=1", "upstream_url=http://127.0.0.1:{port}", "fprocess=node testdata/upstream.js"},
	} {
		t.Run(mode, func(t *testing.T) {
			i := guarded(t, proxy, settings...)
			for _, test := range []struct {
				header, body, challenge string
				status                  int
			}{
				{"", "Bearer must be present in Authorization header\n", "Bearer realm=IAM function invoke", 401},
				{"Bearer x.y.z", "failed to parse JWT token: ", "Bearer realm=IAM function invoke", 401},
				{"Bearer " + token("other:*"), "insufficient permissions\n", "", 403},
			} {
				r := i.get("/raw?x=1", "Authorization: "+test.header)
				h := r.Header
				if r.StatusCode != test.status || !strings.HasPrefix(r.body, test.body) || h.Get("WWW-Authenticate") != test.challenge ||
					h.Get("X-OpenFaaS-Internal") != "faas-middleware" || h.Get("X-Content-Type-Options") != "nosniff" ||
					h.Get("Content-Type") != "text/plain; charset=utf-8" {
					t.Errorf("%q: %d %q %v", test.header, r.StatusCode, r.body, h)
				}
				i.await("access denied", func(l map[string]any) bool {
					return l["status"] == float64(test.status) && l["path"] == "/raw" && l["method"] == "GET"
				})
			}
			i.eventually("the function is ready", func() bool {
				return mode == "classic" || i.get("/_/ready").StatusCode == 200
			})
			i.get("/_/health").is(t, 200, "OK")
			target := map[string]string{"pool": "/headers", "classic": "/", "http": "/raw"}[mode]
			r := i.get(target, "Authorization: Bearer "+token("ns:fn"), "X-Auth-Seconds: forged")
			if r.StatusCode != 200 || strings.Contains(r.body, "forged") ||
				!strings.Contains(strings.ToLower(strings.ReplaceAll(r.body, "_", "-")), "x-auth-seconds") {
				t.Errorf("got %d %q", r.StatusCode, r.body)
			}
		})
	}
}

func TestLimitAndTokenComeInTheOrderOfTheMode(t *testing.T) {
	proxy, token := issuer(t)
	for mode, want := range map[string]int{"classic": 401, "serializing": 429} {
		t.Run(mode, func(t *testing.T) {
			script, write := shellScript(t)
			over := filepath.Join(t.TempDir(), "over")
			write("until [ -e " + over + " ]; do sleep 0.02; done")
			i := guarded(t, proxy, "mode="+mode, "fprocess="+script, "log_format=json", "max_inflight=1")
			first := i.ask("/", "Authorization: "+token("*"))
			i.eventually("its process runs", func() bool { return len(children(i.cmd.Process.Pid)) > 0 })
			if r := i.get("/"); r.StatusCode != want {
				t.Errorf("got %d, want %d", r.StatusCode, want)
			}
			if err := os.WriteFile(over, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			first().is(t, 200, "")
			if r := i.get("/"); r.StatusCode != 401 {
				t.Errorf("got %d", r.StatusCode)
			}
		})
	}
}

func TestStartIsRefusedWithoutTheIssuer(t *testing.T) {
	for want, env := range map[string][]string{
		"gateway.openfaas":                 {"OPENFAAS_NAME=fn", "OPENFAAS_NAMESPACE=ns", "HTTP_PROXY=http://127.0.0.1:1"},
		"failed to get function name":      {"OPENFAAS_NAMESPACE=ns"},
		"failed to get function namespace": {"OPENFAAS_NAME=fn"},
	} {
		code, _, stderr := runs(t, "", append(env, "jwt_auth=true", "mode=classic", "fprocess=cat", "port=0", "metrics_port=0", "suppress_lock=true"))
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("exit code %d, want %q in %s", code, want, stderr)
		}
	}
}
