package main

import (
	"net"
	"strings"
	"testing"
)

// Whoever starts a server is told who can come in, and how to change that.
func TestAccessIsSaid(t *testing.T) {
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3000}
	network := &net.TCPAddr{IP: net.IPv4zero, Port: 3000}
	for _, tt := range []struct {
		addr           net.Addr
		guests, tokens bool
		says           []string
	}{
		{addr: local, guests: true, says: []string{"this machine only, under any name", "--listen :3000", "[token]", "--guests on"}},
		{addr: local, guests: true, tokens: true, says: []string{"this machine only, under any name"}},
		{addr: local, tokens: true, says: []string{"this machine only, by token", "--listen :3000"}},
		{addr: local, says: []string{"NOBODY CAN COME IN", "[token]", "--guests on"}},
		{addr: network, guests: true, says: []string{"OPEN TO THE NETWORK WITHOUT SIGN-IN", "--guests off", "--listen 127.0.0.1:3000"}},
		{addr: network, tokens: true, says: []string{"the network, by token"}},
		{addr: network, says: []string{"NOBODY CAN COME IN", "[token]", "--guests on"}},
	} {
		got := access(tt.addr, tt.guests, tt.tokens)
		for _, want := range tt.says {
			if !strings.Contains(got, want) {
				t.Errorf("%v, guests %v, tokens %v: got %q, want %q in it", tt.addr, tt.guests, tt.tokens, got, want)
			}
		}
	}
}
