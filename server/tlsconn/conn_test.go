package tlsconn

import (
	"testing"
	"unsafe"

	"github.com/throng-chat/throng/server/wheel"
)

// An idle connection has at most 1,300 bytes; one of plain TCP has 700.
func TestATLSConnectionTakes320Bytes(t *testing.T) {
	if got := unsafe.Sizeof(Conn{}); got > 320 {
		t.Errorf("got %d bytes, want 320", got)
	}
}

// The AES object of a direction is kept where it is used often: not for the pings of a silent client, even if the first comes soon after the
// upgrade, and not for a message with its answer.
func TestAnAESObjectIsKeptWhereItIsUsedOften(t *testing.T) {
	t.Parallel()
	const ping = 50
	for name, c := range map[string]struct {
		uses []wheel.Tick
		rare []bool
	}{
		"pings, the first soon after the upgrade": {[]wheel.Tick{1, 1 + busyTicks, ping, 2 * ping}, []bool{true, true, true, true}},
		"a message and its answer":                {[]wheel.Tick{7, 7, ping}, []bool{true, true, true}},
		"a conversation, then pings":              {[]wheel.Tick{7, 8, 8, 9, 9 + ping, 9 + 2*ping}, []bool{true, true, false, false, true, true}},
		"messages at the limit":                   {[]wheel.Tick{1, 1 + busyTicks, 1 + 2*busyTicks, 2 + 3*busyTicks}, []bool{true, true, false, true}},
	} {
		var u usage
		for i, now := range c.uses {
			if got := u.isRare(now); got != c.rare[i] {
				t.Errorf("%s: use %d: rare %t, want %t", name, i, got, c.rare[i])
			}
		}
	}
}
