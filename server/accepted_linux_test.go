package server

import (
	"net"
	"net/http"
	"testing"
)

// After the acceptor is closed, the port is free.
func TestAClosedAcceptorFreesThePort(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	address := s.Addr().String()
	if resp, _ := ask(t, address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); resp.StatusCode != http.StatusOK {
		t.Fatalf("got %s", resp.Status)
	}
	if err := s.acceptor.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the port to be free", func() bool {
		l, err := net.Listen("tcp", address)
		if err == nil {
			l.Close()
		}
		return err == nil
	})
}
