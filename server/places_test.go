package server

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"
)

// slowGuest sends the beginning of a request from an address.
func slowGuest(t *testing.T, s *Server, ip string) net.Conn {
	t.Helper()
	return sendFrom(t, s, ip, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 100\r\n\r\n{", guestPath, s.Addr()))
}

// Slow bodies from a few addresses take every place, and a guest from another address is served nevertheless.
func TestSlowBodiesKeepNobodyElseOut(t *testing.T) {
	t.Parallel()
	const places, addresses, each = 24, 6, 6
	s := startPrepared(t, nil, func(s *Server) { s.edge.guests.bodies, s.edge.guests.timeout = newPlaces(places, false), patience })
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: ", guestPath, s.Addr())
	for i := range addresses * each {
		slowGuest(t, s, fmt.Sprintf("127.0.1.%d", 1+i%addresses))
	}
	const refused = addresses*each - places
	eventually(t, "the slow bodies to come", func() bool { return value(t, s, "throng_http_refused_total", refusedFull) == refused })
	const honest = 10
	for i := range honest {
		body := `{"name":"Ann"}`
		_, _, resp := statusFrom(t, s, fmt.Sprintf("127.0.2.%d", 1+i%2), fmt.Sprintf("%s%d\r\n\r\n%s", head, len(body), body))
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("guest %d: got %s, want a token", i, resp.Status)
		}
	}
	// The first honest guest took the place of a slow one, the others the place that it gave back.
	if got := value(t, s, "throng_http_refused_total", refusedFull); got <= refused || got > refused+honest {
		t.Errorf("got %v refused, want some of the slow ones more than %d", got, refused)
	}
	if got := s.edge.guests.bodies.length(); got > places {
		t.Errorf("got %d in progress, want %d at most", got, places)
	}
}

// A request that has to make room is told so, and that it can come again.
func TestAGuestThatMakesRoomIsToldWhen(t *testing.T) {
	t.Parallel()
	s := startPrepared(t, nil, func(s *Server) { s.edge.guests.bodies, s.edge.guests.timeout = newPlaces(1, false), patience })
	slow := slowGuest(t, s, "127.0.0.1")
	eventually(t, "the slow body to come", func() bool { return s.edge.guests.bodies.length() == 1 })
	guest(t, s, "Ann", "")
	resp, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !resp.Close {
		t.Errorf("got %s, Retry-After %q, close %v; want 503, when to come again, then the end", resp.Status, resp.Header.Get("Retry-After"), resp.Close)
	}
	eventually(t, "the places to be free", func() bool { return s.edge.guests.bodies.length() == 0 })
}

func TestTheHeaviestAddressMakesRoom(t *testing.T) {
	t.Parallel()
	one, two, three := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")
	b := newPlaces(5, false)
	var ended []string
	enter := func(from netip.Addr, name string) *place {
		return b.enter(from, func() { ended = append(ended, name) })
	}
	want := func(what string, names ...string) {
		t.Helper()
		if fmt.Sprint(ended) != fmt.Sprint(names) {
			t.Fatalf("%s: got %v ended, want %v", what, ended, names)
		}
	}
	light := enter(two, "light")
	first := enter(one, "first")
	read := enter(one, "read")
	enter(one, "third")
	last := enter(two, "last")
	want("while there are places")
	if !b.arrived(read) {
		t.Fatal("evicted, want in time")
	}
	// Two wait from each address now. One more makes that address the heaviest.
	b.leave(last)
	enter(one, "fourth")
	want("in a place that was given back")
	enter(three, "newcomer")
	want("by a newcomer", "first")
	if b.arrived(first) {
		t.Error("got in time, want it to have made room")
	}
	b.leave(first) // its place is the newcomer's
	if got := b.length(); got != 5 {
		t.Fatalf("got %d in progress, want 5", got)
	}
	enter(one, "again")
	want("by its own address", "first", "third")
	for _, of := range []*place{read, light} {
		b.arrived(of)
	}
	if got := b.length(); got != 5 {
		t.Errorf("with two that have arrived: got %d, want 5 in progress", got)
	}

	all := newPlaces(1, false)
	all.arrived(all.enter(one, func() { t.Error("ended one whose body is there") }))
	if all.enter(two, func() {}) != nil {
		t.Error("got a place, want none: nobody waits for a body")
	}
}
