package chat

import (
	"net/netip"
	"testing"
)

// A request to the owner of a log says the publisher as the node of the client counts it.
func TestTheOwnerCountsTheSamePublisher(t *testing.T) {
	t.Parallel()
	for _, want := range []Publisher{
		{User: "ann"}, {User: "guest:x"}, {User: "guest:x", Address: netip.MustParseAddr("192.0.2.1")}, {Address: netip.MustParseAddr("255.255.255.255")},
		{Address: netip.MustParseAddr("0.0.0.0")}, {Address: netip.MustParseAddr("2001:db8:0:7::")}, {Address: netip.MustParseAddr("::")},
		{Address: netip.MustParseAddr("ffff:ffff:ffff:ffff::")}, {},
	} {
		count := &SlowModeCount{who: want}
		if got := publisherAt(want.User, count.number()); got != want || count.number() == 0 {
			t.Errorf("%v: got %v, number %d", want, got, count.number())
		}
	}
	if (*SlowModeCount)(nil).number() != 0 {
		t.Error("a publication that is not counted has a number")
	}
}
