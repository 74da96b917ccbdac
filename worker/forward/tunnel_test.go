package forward

import (
	"context"
	"net"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
)

func TestTunnelWhoseContextEndsAsItIsMadeIsNoneAnyMore(t *testing.T) {
	ours, server := TCPPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	made := &trip{ctx: ctx, x: new(exchange.Exchange), over: func() {}, cn: newConn(ours.(*net.TCPConn)), deadline: time.Now().Add(time.Hour)}
	made.cn.limit(made.deadline)
	cancel()
	_ = made.cn.SetDeadline(past) // as the end of ctx does
	if err := made.tunnel(); err != nil {
		t.Fatal(err)
	}
	client, other := net.Pipe()
	defer client.Close()
	defer other.Close()
	joined := make(chan struct{})
	go func() {
		defer close(joined)
		_ = made.x.Response.Tunnel.Join(client) // however it ends
	}()
	select {
	case <-joined:
	case <-time.After(5 * time.Second):
		t.Error("it goes on")
		_ = server.Close()
		<-joined
	}
	_ = made.x.Response.Tunnel.Close()
}

// TCPPair is both ends of a connection.
func TCPPair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}
