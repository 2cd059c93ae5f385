package edge

import (
	"net/netip"
	"testing"

	"github.com/throng-chat/throng/server/ws"
)

func TestInvalidProxiesAreRejected(t *testing.T) {
	for _, text := range []string{"", "nginx", "10.0.0.0/33", "127.0.0.1:80", "fe80::1%eth0", "::ffff:10.0.0.1", "*"} {
		if p, err := ParseProxies([]string{"127.0.0.1", text}); err == nil {
			t.Errorf("%q: got %v, want an error", text, p)
		}
	}
}

func TestTheAddressKeyOfARequest(t *testing.T) {
	p, err := ParseProxies([]string{"127.0.0.1", "10.0.0.0/8", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, peer string
		header     []string
		want       string
	}{
		{name: "not a trusted proxy", peer: "192.0.2.1", header: []string{"198.51.100.7"}, want: "192.0.2.1"},
		{name: "a trusted proxy", peer: "127.0.0.1", header: []string{"198.51.100.7"}, want: "198.51.100.7"},
		{name: "as IPv6", peer: "::ffff:127.0.0.1", header: []string{"::ffff:198.51.100.7"}, want: "198.51.100.7"},
		{name: "several proxies", peer: "127.0.0.1", header: []string{"198.51.100.7, 10.1.1.1,10.2.2.2"}, want: "198.51.100.7"},
		{name: "on several lines", peer: "127.0.0.1", header: []string{"198.51.100.7", "10.1.1.1"}, want: "198.51.100.7"},
		{name: "forged addresses before", peer: "127.0.0.1", header: []string{"203.0.113.1", "10.1.1.1, 203.0.113.2, 198.51.100.7, 10.2.2.2"}, want: "198.51.100.7"},
		{name: "with a port", peer: "127.0.0.1", header: []string{"198.51.100.7:4711"}, want: "198.51.100.7"},
		{name: "a /64 network", peer: "fd00::1", header: []string{"2001:db8:1:2:3:4:5:6"}, want: "2001:db8:1:2::"},
		{name: "a /64 network with a port", peer: "fd00::1", header: []string{"[2001:db8:1:2:3:4:5:6]:80"}, want: "2001:db8:1:2::"},
		{name: "all of them trusted", peer: "127.0.0.1", header: []string{"10.1.1.1, 10.2.2.2"}, want: "10.1.1.1"},
		{name: "no header", peer: "127.0.0.1", want: "127.0.0.1"},
		{name: "an empty header", peer: "127.0.0.1", header: []string{""}, want: "127.0.0.1"},
		{name: "no address", peer: "127.0.0.1", header: []string{"unknown"}, want: "::"},
		{name: "no address before another proxy", peer: "127.0.0.1", header: []string{"198.51.100.7, _hidden, 10.1.1.1"}, want: "::"},
		{name: "no address before the one that counts", peer: "127.0.0.1", header: []string{"unknown, 198.51.100.7, 10.1.1.1"}, want: "198.51.100.7"},
		{name: "no address from an untrusted peer", peer: "192.0.2.1", header: []string{"unknown"}, want: "192.0.2.1"},
		{name: "a comma at the end", peer: "127.0.0.1", header: []string{"198.51.100.7,"}, want: "198.51.100.7"},
		{name: "commas and spaces at the end", peer: "127.0.0.1", header: []string{"198.51.100.7 , ,\t, "}, want: "198.51.100.7"},
		{name: "a comma at the end of each line", peer: "127.0.0.1", header: []string{"198.51.100.7,", "10.1.1.1,", ""}, want: "198.51.100.7"},
		{name: "a comma at the beginning", peer: "127.0.0.1", header: []string{",198.51.100.7"}, want: "198.51.100.7"},
		{name: "commas alone", peer: "127.0.0.1", header: []string{", ,"}, want: "127.0.0.1"},
		{name: "in brackets", peer: "127.0.0.1", header: []string{"[2001:db8:1:2:3:4:5:6]"}, want: "2001:db8:1:2::"},
		{name: "trusted proxies in brackets and with ports", peer: "127.0.0.1", header: []string{"198.51.100.7, [fd00::7]:80, [fd00::8], 10.1.1.1:80"}, want: "198.51.100.7"},
		{name: "IPv4 in brackets", peer: "127.0.0.1", header: []string{"[198.51.100.7]"}, want: "::"},
		{name: "half a bracket", peer: "127.0.0.1", header: []string{"2001:db8::1]"}, want: "::"},
		{name: "a port without an address", peer: "127.0.0.1", header: []string{":80"}, want: "::"},
		{name: "an invalid port", peer: "127.0.0.1", header: []string{"198.51.100.7:http"}, want: "::"},
		{name: "a name", peer: "127.0.0.1", header: []string{"client.example"}, want: "::"},
		{name: "a zone", peer: "127.0.0.1", header: []string{"fe80::1%eth0"}, want: "fe80::"},
	} {
		got := p.addressKey(netip.MustParseAddr(tt.peer), ws.FieldOf(tt.header).Value)
		if got != netip.MustParseAddr(tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, got, tt.want)
		}
	}
}
