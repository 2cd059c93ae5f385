package proxyheader

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
)

// v2 returns a header of version 2 with a command, a family and what follows the length.
func v2(command, family byte, rest ...byte) string {
	b := append(bytes.Clone(signatureV2), command, family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(rest)))
	return string(append(b, rest...))
}

// unixPair is the block of two Unix addresses.
func unixPair(client string) []byte {
	b := make([]byte, 216)
	copy(b, client)
	copy(b[108:], "/run/proxy.sock")
	return b
}

var (
	ipv4Pair = []byte{198, 51, 100, 7, 127, 0, 0, 1, 0x12, 0x67, 0x0b, 0xb8}
	ipv6Pair = append(append(net.ParseIP("2001:db8::7"), net.ParseIP("::1")...), 0x12, 0x67, 0x0b, 0xb8)
	mapped   = append(append(net.ParseIP("198.51.100.7").To16(), net.ParseIP("127.0.0.1").To16()...), 0x12, 0x67, 0x0b, 0xb8)
	tlvs     = []byte{0x02, 0, 3, 'a', '.', 'b', 0x20, 0, 5, 1, 0, 0, 0, 0} // an authority, and that the client used TLS
)

var valid = []struct {
	name, header string
	own          bool
	client       string // "" for none
}{
	{name: "v1 IPv4", header: "PROXY TCP4 198.51.100.7 127.0.0.1 4711 3000\r\n", client: "198.51.100.7:4711"},
	{name: "v1 IPv6", header: "PROXY TCP6 2001:db8::7 ::1 4711 3000\r\n", client: "[2001:db8::7]:4711"},
	{name: "v1 IPv4 as IPv6", header: "PROXY TCP6 ::ffff:198.51.100.7 ::1 4711 3000\r\n", client: "198.51.100.7:4711"},
	{name: "v1 UNKNOWN", header: "PROXY UNKNOWN\r\n", own: true},
	{name: "v1 UNKNOWN with addresses", header: "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", own: true},
	{name: "v2 IPv4", header: v2(0x21, 0x11, ipv4Pair...), client: "198.51.100.7:4711"},
	{name: "v2 IPv6", header: v2(0x21, 0x21, ipv6Pair...), client: "[2001:db8::7]:4711"},
	{name: "v2 IPv4 as IPv6", header: v2(0x21, 0x21, mapped...), client: "198.51.100.7:4711"},
	{name: "v2 Unix", header: v2(0x21, 0x31, unixPair("/run/client.sock")...)},
	{name: "v2 with TLVs", header: v2(0x21, 0x11, append(bytes.Clone(ipv4Pair), tlvs...)...), client: "198.51.100.7:4711"},
	{name: "v2 with as many TLVs as are allowed", header: v2(0x21, 0x11, append(bytes.Clone(ipv4Pair), make([]byte, maxV2-len(ipv4Pair))...)...), client: "198.51.100.7:4711"},
	{name: "v2 LOCAL", header: v2(0x20, 0x00), own: true},
	{name: "v2 LOCAL with addresses", header: v2(0x20, 0x11, ipv4Pair...), own: true},
}

// A header may be cut at any byte: the beginning of a valid header is incomplete, and bytes behind the header do not matter.
func TestAHeaderMayBeCutAtAnyByte(t *testing.T) {
	for _, tt := range valid {
		for cut := range len(tt.header) {
			if h, n, err := Parse([]byte(tt.header[:cut])); !errors.Is(err, ErrIncomplete) {
				t.Fatalf("%s, %d bytes: got %+v, %d, %v; want %v", tt.name, cut, h, n, err, ErrIncomplete)
			}
		}
		want := Header{Own: tt.own}
		if tt.client != "" {
			want.Client = netip.MustParseAddrPort(tt.client)
		}
		for _, behind := range []string{"", "G", "GET / HTTP/1.1\r\n\r\n", tt.header} {
			if h, n, err := Parse([]byte(tt.header + behind)); h != want || n != len(tt.header) || err != nil {
				t.Errorf("%s before %q: got %+v, %d, %v; want %+v, %d", tt.name, behind, h, n, err, want, len(tt.header))
			}
		}
	}
}

var invalid = []struct{ name, header, want string }{
	{"an HTTP request", "GET / HTTP/1.1\r\n\r\n", ErrMissing.Error()},
	{"POST begins as PROXY", "POST / HTTP/1.1\r\n\r\n", ErrMissing.Error()},
	{"the hello of TLS", "\x16\x03\x01\x00\xf8", ErrMissing.Error()},
	{"an empty line", "\r\n\r\nGET", ErrMissing.Error()},
	{"v1 without the space", "PROXYTCP4 198.51.100.7 127.0.0.1 4711 3000\r\n", ErrMissing.Error()},
	{"v1 in lower case", "proxy TCP4 198.51.100.7 127.0.0.1 4711 3000\r\n", ErrMissing.Error()},
	{"v1 with LF alone", "PROXY TCP4 198.51.100.7 127.0.0.1 4711 3000\n", "must end with"},
	{"v1 too long", "PROXY UNKNOWN " + strings.Repeat("f", 92) + "\r\n", "no line end within 107 bytes"},
	{"v1 without an end", "PROXY UNKNOWN " + strings.Repeat("f", 1<<16), "no line end within 107 bytes"},
	{"v1 of another family", "PROXY UDP4 198.51.100.7 127.0.0.1 4711 3000\r\n", "address family"},
	{"v1 with the other family", "PROXY TCP4 2001:db8::7 ::1 4711 3000\r\n", "invalid address"},
	{"v1 with a zone", "PROXY TCP6 fe80::1%eth0 ::1 4711 3000\r\n", "invalid address"},
	{"v1 with a port too large", "PROXY TCP4 198.51.100.7 127.0.0.1 65536 3000\r\n", "invalid port"},
	{"v1 without a port", "PROXY TCP4 198.51.100.7 127.0.0.1\r\n", "address family"},
	{"v1 with two spaces", "PROXY  TCP4 198.51.100.7 127.0.0.1 4711 3000\r\n", "address family"},
	{"v2 of version 1", v2(0x11, 0x11, ipv4Pair...), "version and command"},
	{"v2 with another command", v2(0x22, 0x11, ipv4Pair...), "version and command"},
	{"v2 with an unknown family", v2(0x21, 0x41, ipv4Pair...), "address family"},
	{"v2 with an unknown protocol", v2(0x21, 0x13, ipv4Pair...), "address family"},
	{"v2 PROXY without a family", v2(0x21, 0x00), "address family"},
	{"v2 of UDP", v2(0x21, 0x12, ipv4Pair...), "datagram"},
	{"v2 of Unix datagrams", v2(0x21, 0x32, unixPair("/run/client.sock")...), "datagram"},
	{"v2 too short for IPv4", v2(0x21, 0x11, ipv4Pair[:11]...), "length"},
	{"v2 too short for IPv6", v2(0x21, 0x21, ipv4Pair...), "length"},
	{"v2 with one byte too many", v2(0x21, 0x11, make([]byte, maxV2+1)...), "4097 bytes after its first 16"},
	{"v2 of 65,535 bytes, which do not follow", string(signatureV2) + "\x21\x11\xff\xff", "65535 bytes after its first 16"},
	{"v2 LOCAL of 65,535 bytes", string(signatureV2) + "\x20\x00\xff\xff", "65535 bytes after its first 16"},
}

func TestAnInvalidHeaderIsRejected(t *testing.T) {
	for _, tt := range invalid {
		h, n, err := Parse([]byte(tt.header))
		if err == nil || errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %+v, %d, %v; want an error with %q", tt.name, h, n, err, tt.want)
		}
	}
}

// A byte that cannot be part of a header is rejected when it arrives: the sender is not waited for.
func TestOtherBytesAreNotIncomplete(t *testing.T) {
	for _, good := range []string{string(signatureV1), string(signatureV2)} {
		for i := range len(good) {
			b := []byte(good[:i+1])
			b[i] ^= 0x20
			if _, _, err := Parse(b); !errors.Is(err, ErrMissing) {
				t.Errorf("%q: got %v, want %v", b, err, ErrMissing)
			}
			if Begins(b) {
				t.Errorf("%q begins a header", b)
			}
		}
		if !Begins([]byte(good)) {
			t.Errorf("%q does not begin a header", good)
		}
	}
}

// Whatever the bytes are: a header is no longer than Max, its beginnings are incomplete, and the library accepts it, too.
func FuzzParse(f *testing.F) {
	for _, tt := range valid {
		f.Add([]byte(tt.header + "GET /"))
	}
	for _, tt := range invalid {
		f.Add([]byte(tt.header[:min(len(tt.header), 200)]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := Parse(b)
		if errors.Is(err, ErrIncomplete) && len(b) >= Max {
			t.Fatalf("incomplete with %d bytes", len(b))
		}
		if err != nil {
			if h != (Header{}) || n != 0 {
				t.Fatalf("got %+v and %d with an error", h, n)
			}
			return
		}
		if n <= 0 || n > min(Max, len(b)) {
			t.Fatalf("got a size of %d in %d bytes", n, len(b))
		}
		for _, cut := range []int{0, 1, n / 2, n - 1} {
			if _, _, err := Parse(b[:cut]); !errors.Is(err, ErrIncomplete) {
				t.Fatalf("%d of %d bytes: got %v, want %v", cut, n, err, ErrIncomplete)
			}
		}
		want, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(b), len(b)))
		if err != nil {
			t.Fatalf("the library rejects it: %v", err)
		}
		if want.Command.IsLocal() != h.Own || h.Client.IsValid() && want.SourceAddr.(*net.TCPAddr).Port != int(h.Client.Port()) {
			t.Fatalf("got %+v, want %+v", h, want)
		}
		if h.Client.Addr().Is4In6() || h.Client.Addr().Zone() != "" {
			t.Fatalf("got the client %v, want an address without a zone, as IPv4 where it is one", h.Client)
		}
	})
}
