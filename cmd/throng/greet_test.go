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

// Whoever starts a server is told who may use the rooms that the config file does not name.
func TestOtherRoomsAreSaid(t *testing.T) {
	for _, tt := range []struct {
		access   string
		patterns int
		says     []string
	}{
		{"open", 0, []string{"open: all rooms are for anyone", "--rooms signed-in, or closed"}},
		{"signed-in", 3, []string{"signed-in: rooms that no [[room]] pattern (of 3) fits", "have a user", "--rooms open"}},
		{"closed", 1, []string{"closed: ", "for the application alone", "--rooms signed-in"}},
	} {
		got := otherRooms(tt.access, tt.patterns)
		for _, want := range tt.says {
			if !strings.Contains(got, want) {
				t.Errorf("%s, %d patterns: got %q, want %q in it", tt.access, tt.patterns, got, want)
			}
		}
	}
}

func TestOneThingIsNotSeveral(t *testing.T) {
	for got, want := range map[string]string{
		rateText(0): "any number of messages", rateText(1): "1 message/s", rateText(100): "100 messages/s",
		count(0, "connection"): "0 connections", count(1, "connection"): "1 connection",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
