package main

import (
	"net"
	"strings"
	"testing"
)

func TestTheBannerSaysWhoCanConnect(t *testing.T) {
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3000}
	network := &net.TCPAddr{IP: net.IPv4zero, Port: 3000}
	socket := &net.UnixAddr{Name: "unix:/run/throng.sock", Net: "unix"}
	for _, tt := range []struct {
		addr           net.Addr
		guests, tokens bool
		says           []string
	}{
		{addr: local, guests: true, says: []string{"this machine only, as a guest", "--listen :3000", "[token]", "--guests on"}},
		{addr: local, guests: true, tokens: true, says: []string{"this machine only, with a token or as a guest"}},
		{addr: local, tokens: true, says: []string{"this machine only, with a token", "--listen :3000"}},
		{addr: local, says: []string{"NO CLIENT CAN CONNECT", "[token]", "--guests on"}},
		{addr: network, guests: true, says: []string{"OPEN TO THE NETWORK WITHOUT SIGN-IN", "--guests off", "--listen 127.0.0.1:3000"}},
		{addr: network, tokens: true, says: []string{"the network, with a token"}},
		{addr: network, says: []string{"NO CLIENT CAN CONNECT", "[token]", "--guests on"}},
		{addr: socket, guests: true, says: []string{"WITHOUT SIGN-IN", "unix:/run/throng.sock", "--guests off"}},
		{addr: socket, tokens: true, says: []string{"connect to unix:/run/throng.sock, with a token"}},
		{addr: socket, says: []string{"NO CLIENT CAN CONNECT"}},
	} {
		got := access(port{"listen", tt.addr}, tt.guests, tt.tokens)
		for _, want := range tt.says {
			if !strings.Contains(got, want) {
				t.Errorf("%v, guests %v, tokens %v: got %q, want %q in it", tt.addr, tt.guests, tt.tokens, got, want)
			}
		}
	}
}

func TestTheBannerNamesTheSettingOfThePort(t *testing.T) {
	at := port{"tls-listen", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3443}}
	if got, want := access(at, true, false), "--tls-listen :3443"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q in it", got, want)
	}
}

func TestTheBannerSaysWhoMayUseOtherRooms(t *testing.T) {
	for _, tt := range []struct {
		access   string
		patterns int
		says     []string
	}{
		{"open", 0, []string{"open: all clients may use all rooms", "--rooms signed-in or closed"}},
		{"signed-in", 3, []string{"signed-in: ", "rooms that match none of the [[room]] patterns (3)", "clients with a user", "--rooms open"}},
		{"closed", 1, []string{"closed: ", "only the application", "none of the [[room]] patterns (1)", "--rooms signed-in"}},
	} {
		got := otherRooms(tt.access, tt.patterns)
		for _, want := range tt.says {
			if !strings.Contains(got, want) {
				t.Errorf("%s, %d patterns: got %q, want %q in it", tt.access, tt.patterns, got, want)
			}
		}
	}
}

func TestTheBannerUsesPlurals(t *testing.T) {
	for got, want := range map[string]string{
		rateText(0): "unlimited messages", rateText(1): "1 message/s", rateText(100): "100 messages/s",
		count(0, "connection"): "0 connections", count(1, "connection"): "1 connection",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
