package bench

import (
	"io"
	"net"
	"strings"
	"testing"
)

// An agent that is busy takes the connection and says nothing: that is no word about its token.
func TestABusyAgentIsNotCalledAWrongToken(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		if c, err := ln.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, c) // until the bench has had enough
			_ = c.Close()
		}
	}()
	_, err = dialAgent(t.Context(), ln.Addr().String(), "a token of sixteen")
	if err == nil || strings.Contains(err.Error(), "token") || !strings.Contains(err.Error(), "busy with another bench") {
		t.Errorf("got %v", err)
	}
}
