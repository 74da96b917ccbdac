package exchange

import "testing"

func TestResetKeepsNoMoreRoomThanRequestsNeed(t *testing.T) {
	var x Exchange
	for range 100_000 {
		x.Request.Header = append(x.Request.Header, Field{Key: []byte("b")})
	}
	x.Reset()
	if n := cap(x.Request.Header); n > 1000 {
		t.Errorf("room for %d headers is kept", n)
	}
	x.Request.Header = append(x.Request.Header, Field{Key: make([]byte, 1<<20)})
	x.Reset()
	if rest := x.Request.Header[:1]; rest[0].Key != nil {
		t.Error("a header of the request before is held")
	}
}
