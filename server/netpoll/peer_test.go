//go:build unix

package netpoll

import (
	"net/netip"
	"testing"
	"unsafe"
)

func TestThePeerIsTheAddressThatWasAccepted(t *testing.T) {
	for _, text := range []string{"0.0.0.0:0", "127.0.0.1:1", "255.254.253.252:65535", "[::1]:80", "[fe80::1%lo]:80", "[::ffff:1.2.3.4]:9"} {
		want := netip.MustParseAddrPort(text)
		got, ok := AddrOf(want).(PeerAddr)
		if !ok || got.AddrPort() != want || got.String() != text || got.Network() != "tcp" {
			t.Errorf("%s: got %v, %v", text, got, ok)
		}
	}
	unix := AddrOf(netip.AddrPort{})
	if _, ok := unix.(PeerAddr); ok || unix.String() != "unix" || unix.Network() != "unix" {
		t.Errorf("got %v for a peer of a Unix socket", unix)
	}
}

// Each connection keeps it.
func TestAPeerOverIPv4HasEightBytes(t *testing.T) {
	if got := unsafe.Sizeof(peer4{}); got > 8 {
		t.Errorf("got %d bytes", got)
	}
}
