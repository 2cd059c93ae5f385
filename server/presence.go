package server

import "github.com/centrifugal/protocol"

// presence is who is in a room. Each change costs the same however many there are. Guarded by hub.mu.
type presence struct {
	list  []*subscription
	users map[string]int // connections of each user
}

func (p *presence) add(sub *subscription) {
	sub.presentAt = int32(len(p.list))
	p.list = append(p.list, sub)
	if p.users == nil {
		p.users = map[string]int{}
	}
	p.users[sub.info.User]++
}

// remove takes sub out; it is in.
func (p *presence) remove(sub *subscription) {
	last := len(p.list) - 1
	p.list[sub.presentAt] = p.list[last]
	p.list[sub.presentAt].presentAt = sub.presentAt
	p.list[last] = nil
	p.list = p.list[:last]
	if last >= 64 && last < cap(p.list)/4 {
		p.list = append(make([]*subscription, 0, cap(p.list)/2), p.list...)
	}
	if p.users[sub.info.User]--; p.users[sub.info.User] == 0 {
		delete(p.users, sub.info.User)
	}
}

func (p *presence) stats() *protocol.PresenceStatsResult {
	return &protocol.PresenceStatsResult{NumClients: uint32(len(p.list)), NumUsers: uint32(len(p.users))}
}

// snapshot is cheap enough to be taken under hub.mu: pointers to what does not change.
func (p *presence) snapshot() []*protocol.ClientInfo {
	infos := make([]*protocol.ClientInfo, len(p.list))
	for i, sub := range p.list {
		infos[i] = sub.info
	}
	return infos
}

// byClient is presence as the protocol has it.
func byClient(infos []*protocol.ClientInfo) map[string]*protocol.ClientInfo {
	m := make(map[string]*protocol.ClientInfo, len(infos))
	for _, info := range infos {
		m[info.Client] = info
	}
	return m
}
