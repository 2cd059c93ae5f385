package server

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/ws"
)

func TestWhoCountsAsTheSourceOfARequest(t *testing.T) {
	p, err := parseProxies([]string{"127.0.0.1", "10.0.0.0/8", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, peer string
		header     []string
		want       string
	}{
		{name: "nobody's proxy", peer: "192.0.2.1", header: []string{"198.51.100.7"}, want: "192.0.2.1"},
		{name: "a proxy of ours", peer: "127.0.0.1", header: []string{"198.51.100.7"}, want: "198.51.100.7"},
		{name: "as IPv6", peer: "::ffff:127.0.0.1", header: []string{"::ffff:198.51.100.7"}, want: "198.51.100.7"},
		{name: "one after another", peer: "127.0.0.1", header: []string{"198.51.100.7, 10.1.1.1,10.2.2.2"}, want: "198.51.100.7"},
		{name: "on lines of their own", peer: "127.0.0.1", header: []string{"198.51.100.7", "10.1.1.1"}, want: "198.51.100.7"},
		{name: "what anybody may have written before", peer: "127.0.0.1", header: []string{"203.0.113.1", "10.1.1.1, 203.0.113.2, 198.51.100.7, 10.2.2.2"}, want: "198.51.100.7"},
		{name: "with a port", peer: "127.0.0.1", header: []string{"198.51.100.7:4711"}, want: "198.51.100.7"},
		{name: "a household", peer: "fd00::1", header: []string{"2001:db8:1:2:3:4:5:6"}, want: "2001:db8:1:2::"},
		{name: "a household with a port", peer: "fd00::1", header: []string{"[2001:db8:1:2:3:4:5:6]:80"}, want: "2001:db8:1:2::"},
		{name: "all of them ours", peer: "127.0.0.1", header: []string{"10.1.1.1, 10.2.2.2"}, want: "10.1.1.1"},
		{name: "no word", peer: "127.0.0.1", want: "127.0.0.1"},
		{name: "an empty word", peer: "127.0.0.1", header: []string{""}, want: "127.0.0.1"},
		{name: "no address", peer: "127.0.0.1", header: []string{"unknown"}, want: "::"},
		{name: "no address behind another proxy", peer: "127.0.0.1", header: []string{"198.51.100.7, _hidden, 10.1.1.1"}, want: "::"},
		{name: "no address before the one that counts", peer: "127.0.0.1", header: []string{"unknown, 198.51.100.7, 10.1.1.1"}, want: "198.51.100.7"},
		{name: "no address from nobody's proxy", peer: "192.0.2.1", header: []string{"unknown"}, want: "192.0.2.1"},
		{name: "a comma at the end", peer: "127.0.0.1", header: []string{"198.51.100.7,"}, want: "198.51.100.7"},
		{name: "commas and spaces at the end", peer: "127.0.0.1", header: []string{"198.51.100.7 , ,\t, "}, want: "198.51.100.7"},
		{name: "a comma at the end of each line", peer: "127.0.0.1", header: []string{"198.51.100.7,", "10.1.1.1,", ""}, want: "198.51.100.7"},
		{name: "a comma at the beginning", peer: "127.0.0.1", header: []string{",198.51.100.7"}, want: "198.51.100.7"},
		{name: "commas alone", peer: "127.0.0.1", header: []string{", ,"}, want: "127.0.0.1"},
		{name: "in brackets", peer: "127.0.0.1", header: []string{"[2001:db8:1:2:3:4:5:6]"}, want: "2001:db8:1:2::"},
		{name: "proxies of ours in brackets and with ports", peer: "127.0.0.1", header: []string{"198.51.100.7, [fd00::7]:80, [fd00::8], 10.1.1.1:80"}, want: "198.51.100.7"},
		{name: "IPv4 in brackets", peer: "127.0.0.1", header: []string{"[198.51.100.7]"}, want: "::"},
		{name: "half a bracket", peer: "127.0.0.1", header: []string{"2001:db8::1]"}, want: "::"},
		{name: "a port without an address", peer: "127.0.0.1", header: []string{":80"}, want: "::"},
		{name: "a port that is none", peer: "127.0.0.1", header: []string{"198.51.100.7:http"}, want: "::"},
		{name: "a name", peer: "127.0.0.1", header: []string{"client.example"}, want: "::"},
		{name: "a zone", peer: "127.0.0.1", header: []string{"fe80::1%eth0"}, want: "fe80::"},
	} {
		got := p.source(netip.MustParseAddr(tt.peer), ws.FieldOf(tt.header).Value)
		if got != netip.MustParseAddr(tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, got, tt.want)
		}
	}
}

func TestWhatIsNoProxy(t *testing.T) {
	for _, text := range []string{"", "nginx", "10.0.0.0/33", "127.0.0.1:80", "fe80::1%eth0", "::ffff:10.0.0.1", "*"} {
		if p, err := parseProxies([]string{"127.0.0.1", text}); err == nil {
			t.Errorf("%q: got %v, want an error", text, p)
		}
	}
}

// by connects from an address with a header, and returns the status of the answer.
func by(t *testing.T, s *Server, from, forwarded string) int {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	request := strings.Replace(upgradeRequest(s.Addr().String(), sessionPath), "\r\n\r\n", "\r\nX-Forwarded-For: "+forwarded+"\r\n\r\n", 1)
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols { // who says nothing is stale, which a slow machine would see
		if _, err := conn.Write(ws.AppendMaskedFrame(nil, ws.OpText, 1, []byte(`{"id":1,"connect":{}}`))); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode
}

// RELIABILITY, X-Forwarded-For spoofing: a client cannot make itself many, nor turn a limit on another.
func TestTheWordOfAnybodyElseIsNotBelieved(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxConnectionsAddress, c.TrustedProxies, c.Guests = 3, []string{"127.0.0.9"}, "on" })
	for i := range 3 {
		if got := by(t, s, "127.0.0.2", fmt.Sprintf("198.51.100.%d", i)); got != http.StatusSwitchingProtocols {
			t.Fatalf("number %d: got %d, want 101", i, got)
		}
	}
	for i := range 1000 {
		if got := by(t, s, "127.0.0.2", fmt.Sprintf("198.51.%d.%d", i/250, i%250)); got != http.StatusServiceUnavailable {
			t.Fatalf("spoofed value %d: got %d, want 503", i, got)
		}
	}
	for i := range 3 { // those it named are not hurt
		if got := by(t, s, "127.0.0.9", "198.51.100.0"); got != http.StatusSwitchingProtocols {
			t.Errorf("number %d of a victim: got %d, want 101", i, got)
		}
	}
}

func TestWhoComesByAProxyCountsByItself(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) {
		c.MaxConnectionsAddress, c.TrustedProxies, c.Guests = 1, []string{"127.0.0.0/8"}, "on"
	})
	for _, from := range []string{"198.51.100.1", "198.51.100.2"} {
		if got := by(t, s, "127.0.0.2", from); got != http.StatusSwitchingProtocols {
			t.Errorf("%s: got %d, want 101", from, got)
		}
		if got := by(t, s, "127.0.0.3", from); got != http.StatusServiceUnavailable {
			t.Errorf("%s again: got %d, want 503", from, got)
		}
	}
	var page struct{ Connections []connection }
	getJSON(t, s, "/connections", &page)
	got := map[string]bool{}
	for _, c := range page.Connections {
		got[c.Address] = true
	}
	if len(got) != 2 || !got["198.51.100.1"] || !got["198.51.100.2"] {
		t.Errorf("got the connections of %v, want those whom the proxy carries", got)
	}
	s.hub.cutAll()
	eventually(t, "the addresses to be forgotten", func() bool {
		s.hub.addressesMu.Lock()
		defer s.hub.addressesMu.Unlock()
		return len(s.hub.addresses) == 0
	})
}

// A proxy that listens on this machine brings people from anywhere.
func TestGuestsAreNotLetInByAProxyUnlessToldSo(t *testing.T) {
	cfg := DefaultConfig()
	if !cfg.guestsAllowed() {
		t.Fatal("guests are off on this machine, want on")
	}
	cfg.TrustedProxies = []string{"127.0.0.1"}
	if cfg.guestsAllowed() {
		t.Error("guests are on behind a proxy, want off")
	}
	cfg.Guests = "on"
	if !cfg.guestsAllowed() {
		t.Error("guests are off, want on as it was told")
	}
}
