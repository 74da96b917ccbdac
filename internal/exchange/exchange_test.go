package exchange

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/internal/life"
)

func TestHeadersKeepTheirBytesWhileMoreAreAdded(t *testing.T) {
	for _, size := range []int{0, 10, 10_000} { // less, and more, than they need
		var r Response
		r.Begin(200, size)
		key, value := []byte("key-00"), []byte("value-00")
		for i := range 50 {
			copy(key[4:], fmt.Sprintf("%02d", i))
			copy(value[6:], fmt.Sprintf("%02d", i))
			r.Add(key, value) // copies: the caller's bytes change
		}
		for i, f := range r.Header {
			got := string(f.Key) + "=" + string(f.Value)
			if want := fmt.Sprintf("key-%02d=value-%02d", i, i); got != want {
				t.Fatalf("room for %d bytes: header %d is %q, want %q", size, i, got, want)
			}
		}
	}
}

func TestHeadersDoNotRunIntoOneAnother(t *testing.T) {
	var r Response
	r.Begin(200, 100)
	r.Add([]byte("a"), []byte("1"))
	r.Add([]byte("b"), []byte("2"))
	_ = append(r.Header[0].Key, "xxxx"...) // must not reach into what comes behind it
	_ = append(r.Header[0].Value, "xxxx"...)
	if got := string(r.Header[0].Value) + string(r.Header[1].Key); got != "1b" {
		t.Errorf("got %q", got)
	}
}

func TestSecondBeginForgetsTheFirst(t *testing.T) {
	var r Response
	r.Begin(500, 10)
	r.Add([]byte("a"), []byte("1"))
	r.Body = append(r.Body, "gone"...)
	r.Begin(200, 10)
	r.Add([]byte("b"), []byte("2"))
	want := []Field{{Key: []byte("b"), Value: []byte("2")}}
	if diff := cmp.Diff(want, r.Header); diff != "" || r.Status != 200 || len(r.Body) != 0 {
		t.Errorf("status %d, body %q, headers: %s", r.Status, r.Body, diff)
	}
}

func TestExchangeThatIsUsedAgainIsEmptyAndKeepsItsMemory(t *testing.T) {
	var x Exchange
	fill := func() {
		x.Request.Method, x.Request.Timeout = []byte("GET"), time.Second
		x.Request.Header = append(x.Request.Header, Field{})
		x.Response.Begin(200, 16)
		x.Response.Add([]byte("key"), []byte("value"))
		x.Response.Body = append(x.Response.Body, "body"...)
		x.Waited, x.Worker = time.Second, life.ID{Serial: 1}
	}
	fill()
	x.Reset()
	if x.Request.Method != nil || len(x.Request.Header) != 0 || x.Request.Timeout != 0 || x.Response.Status != 0 ||
		len(x.Response.Header) != 0 || len(x.Response.Body) != 0 || x.Waited != 0 || x.Worker != (life.ID{}) {
		t.Errorf("got %+v", x)
	}
	method := []byte("GET")
	if n := testing.AllocsPerRun(100, func() {
		x.Request.Header = append(x.Request.Header, Field{Key: method})
		x.Response.Begin(200, 16)
		x.Response.Add(method, method)
		x.Response.Body = append(x.Response.Body, "body"...)
		x.Reset()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
