package openfaas

import (
	"context"
	"io"
	"log"
	"net/http"
	"reflect"
)

// request and response have the fields of package github.com/openfaas/templates-sdk/go-http, which the functions of the
// template golang-http import. They are matched by name, so that this module need not.
type (
	request struct {
		Body        []byte
		Header      http.Header
		QueryString string
		Method      string
		Host        string
	}
	response struct {
		Body       []byte
		StatusCode int
		Header     http.Header
	}
)

// golangHTTP recognises func(Request) (Response, error) by the fields of its types.
func golangHTTP(function any) (http.Handler, bool) {
	f := reflect.ValueOf(function)
	if f.Kind() != reflect.Func {
		return nil, false
	}
	t := f.Type()
	if t.NumIn() != 1 || t.NumOut() != 2 || t.Out(1) != reflect.TypeFor[error]() ||
		!hasFields(t.In(0), reflect.TypeFor[request]()) || !hasFields(t.Out(0), reflect.TypeFor[response]()) {
		return nil, false
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the client or the host has gone
		}
		in := reflect.New(t.In(0))
		copyFields[request](in.Elem(), reflect.ValueOf(request{body, r.Header, r.URL.RawQuery, r.Method, r.Host}))
		if c, ok := in.Interface().(interface{ WithContext(context.Context) }); ok {
			c.WithContext(r.Context())
		}
		out := f.Call([]reflect.Value{in.Elem()})
		var p response
		copyFields[response](reflect.ValueOf(&p).Elem(), out[0])
		err, _ = out[1].Interface().(error)
		answer(w, p, err)
	}), true
}

// answer writes the response; with an error it is a 500, its body and headers notwithstanding.
func answer(w http.ResponseWriter, p response, err error) {
	for name, values := range p.Header {
		w.Header()[name] = values
	}
	status := p.StatusCode
	switch {
	case err != nil:
		log.Print(err)
		status = http.StatusInternalServerError
	case status == 0:
		status = http.StatusOK
	}
	w.WriteHeader(status)
	_, _ = w.Write(p.Body) // a client that has gone is no concern of the function
}

// hasFields reports whether t is a struct with all fields of want.
func hasFields(t, want reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range want.NumField() {
		field, ok := t.FieldByName(want.Field(i).Name)
		if !ok || field.Type != want.Field(i).Type {
			return false
		}
	}
	return true
}

// copyFields copies the fields that T has, by name.
func copyFields[T any](to, from reflect.Value) {
	t := reflect.TypeFor[T]()
	for i := range t.NumField() {
		name := t.Field(i).Name
		to.FieldByName(name).Set(from.FieldByName(name))
	}
}
