package chat

import (
	"encoding/binary"
	"net/netip"
)

// Slow mode over the nodes of a cluster. The node of a client counts its publication. If that node does not own the log of the room, the owner counts it as
// well: so it counts the publications by all nodes. A new owner begins without the counts of the owner before.

// Numbers of publishers without an address that counts, and of those at ::/64, the machine itself. Others have their address key as number: the first half of
// an IPv6 address, or an IPv4 address behind a 1, which is the first half of no IPv6 address in use.
const (
	noAddress   = 1
	ownAddress  = 2
	ipv4Address = 1 << 32
)

// number returns what a request says about the publisher beside its user: 0 if slow mode has not counted it.
func (smc *SlowModeCount) number() uint64 {
	if smc == nil {
		return 0
	}
	switch at := smc.who.Address; {
	case at.Is4():
		b := at.As4()
		return ipv4Address | uint64(binary.BigEndian.Uint32(b[:]))
	case at.Is6():
		b := at.As16()
		return max(binary.BigEndian.Uint64(b[:8]), ownAddress)
	}
	return noAddress
}

// publisherAt returns the publisher with a user and a number.
func publisherAt(user string, number uint64) Publisher {
	switch {
	case number == noAddress:
		return Publisher{User: user}
	case number>>32 == ipv4Address>>32:
		return Publisher{user, netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(number))))}
	case number == ownAddress:
		number = 0
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], number)
	return Publisher{user, netip.AddrFrom16(b)}
}

// undoing returns a Done that undoes the count of a publication that was rejected.
func (m *Moderation) undoing(slow *SlowModeCount, done Done) Done {
	if slow == nil {
		return done
	}
	return func(at StreamPosition, e *Rejection) {
		if e != nil {
			m.UndoSlowMode(slow)
		}
		done(at, e)
	}
}
