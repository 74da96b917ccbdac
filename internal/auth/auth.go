// Package auth decides whether a request may reach the function, by the JSON Web Token that it carries: jwt_auth of the
// OpenFaaS watchdogs. It knows no HTTP server; keys come from an issuer that is asked by HTTP.
package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Where the issuer tells of itself.
const (
	ClusterAuthority = "http://gateway.openfaas:8080/.well-known/openid-configuration"
	LocalAuthority   = "http://127.0.0.1:8000/.well-known/openid-configuration"
)

// refusal is why a request may not reach the function, in the words of the OpenFaaS watchdogs, which a client reads.
type refusal string

// Error returns these words.
func (r refusal) Error() string { return string(r) }

// The refusals that say nothing of the token itself.
const (
	ErrNoToken   = refusal("Bearer must be present in Authorization header")
	ErrForbidden = refusal("insufficient permissions")
)

// TokenError says what is wrong with a token.
type TokenError struct{ Err error }

// Error says what is wrong.
func (e *TokenError) Error() string { return "failed to parse JWT token: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error { return e.Err }

// Config says for which function tokens are checked, and who issues them.
type Config struct {
	// Namespace and Name are the function's.
	Namespace, Name string
	// Authority is where the issuer tells of itself: ClusterAuthority, or LocalAuthority.
	Authority string
}

// Validate reports what is missing, in the words of the OpenFaaS watchdogs.
func (c Config) Validate() error {
	var errs []error
	if c.Name == "" {
		errs = append(errs, errors.New("failed to get function name: jwt_auth needs the variable OPENFAAS_NAME"))
	}
	if c.Namespace == "" {
		errs = append(errs, errors.New("failed to get function namespace: jwt_auth needs the variable OPENFAAS_NAMESPACE, or a "+
			"service account of Kubernetes"))
	}
	return errors.Join(errs...)
}

// Guard checks tokens.
type Guard struct {
	function string
	issuer   string
	keys     *keys
}

// New asks the issuer who it is, and for its keys.
func New(ctx context.Context, cfg Config) (*Guard, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	var about struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := get(ctx, cfg.Authority, &about); err != nil {
		return nil, fmt.Errorf("jwt_auth: ask the issuer: %w", err)
	}
	if about.Issuer == "" || about.JWKSURI == "" {
		return nil, fmt.Errorf("jwt_auth: %s names no issuer or no jwks_uri", cfg.Authority)
	}
	g := &Guard{function: cfg.Namespace + ":" + cfg.Name, issuer: about.Issuer, keys: &keys{url: about.JWKSURI}}
	if err := g.keys.fetch(ctx); err != nil {
		return nil, fmt.Errorf("jwt_auth: fetch the issuer's keys: %w", err)
	}
	return g, nil
}

// Issuer is who issues tokens.
func (g *Guard) Issuer() string { return g.issuer }

// leeway is by how much our clock and the issuer's may differ.
const leeway = time.Second

// algorithms are those that are taken: with a key that both sides know anybody who can check a token could make one.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}

// claims is what a token says, but for what jwt.Claims has.
type claims struct {
	Function struct {
		Permissions []string `json:"permissions"`
		Audience    []string `json:"audience"`
	} `json:"function"`
}

// Check reports why a request with this Authorization may not reach the function: ErrNoToken, a *TokenError or
// ErrForbidden; nil when it may. It may ask the issuer for keys, which takes at most fetchTimeout.
func (g *Guard) Check(authorization string) error {
	text := strings.TrimPrefix(authorization, "Bearer ")
	if text == "" {
		return ErrNoToken
	}
	said, err := g.read(text)
	if err != nil {
		return &TokenError{tidy(err)}
	}
	permitted := matchesAny(said.Function.Permissions, g.function)
	addressed := len(said.Function.Audience) == 0 || matchesAny(said.Function.Audience, g.function)
	if !permitted || !addressed {
		return ErrForbidden
	}
	return nil
}

// read checks a token's signature and claims, and returns what it says.
func (g *Guard) read(text string) (claims, error) {
	var said claims
	token, err := jwt.ParseSigned(text, algorithms)
	if err != nil {
		return said, err
	}
	if len(token.Headers) != 1 {
		return said, errors.New("it must have one signature")
	}
	head := token.Headers[0]
	key, err := g.keys.find(head.KeyID)
	if err != nil {
		return said, err
	}
	if !fits(key, jose.SignatureAlgorithm(head.Algorithm)) {
		return said, fmt.Errorf("the key %q is not one for %s", head.KeyID, head.Algorithm)
	}
	var standard jwt.Claims
	if err := token.Claims(key.Key, &standard, &said); err != nil {
		return said, err
	}
	expected := jwt.Expected{Issuer: g.issuer, AnyAudience: jwt.Audience{g.issuer}, Time: time.Now()}
	return said, standard.ValidateWithLeeway(expected, leeway)
}

// curves are the sizes of the curves, by algorithm.
var curves = map[jose.SignatureAlgorithm]int{jose.ES256: 256, jose.ES384: 384, jose.ES512: 521}

// fits reports whether a key is meant for an algorithm, by its type and by what it says of itself.
func fits(key jose.JSONWebKey, algorithm jose.SignatureAlgorithm) bool {
	if key.Algorithm != "" && key.Algorithm != string(algorithm) || key.Use != "" && key.Use != "sig" {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return slices.Contains(algorithms[:6], algorithm)
	case *ecdsa.PublicKey:
		return public.Curve.Params().BitSize == curves[algorithm]
	case ed25519.PublicKey:
		return algorithm == jose.EdDSA
	}
	return false
}

// tidy takes the library's name off an error, which a client reads.
func tidy(err error) error {
	text := err.Error()
	for _, prefix := range []string{"go-jose/go-jose/jwt: ", "go-jose/go-jose: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return errors.New(text)
}
