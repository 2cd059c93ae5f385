package agent

import (
	"math"
	"slices"
)

// expect records what each publisher sent, when all agents have sent everything. The last messages of the publishers in gone may not have
// reached the server.
func (dc *deliveryCheck) expect(sent []uint32, gone []int) {
	isGone := map[uint32]bool{}
	for _, i := range gone {
		isGone[uint32(i)] = true
	}
	for i, n := range sent {
		dc.sent[i].Store(n)
	}
	for _, r := range dc.rooms {
		r.expect(isGone)
	}
}

// finish counts the missing messages at the end of the run. members are those whose connection lasted until the end. The pollers read
// nothing any more.
func (dc *deliveryCheck) finish(members []*member) Findings {
	of := make([][]*member, len(dc.rooms))
	for _, m := range members {
		of[m.room.number] = append(of[m.room.number], m)
	}
	var all Findings
	for i, r := range dc.rooms {
		f := r.finish(of[i])
		all.Faults.Add(f.Faults)
		all.Expected += f.Expected
		all.OwnLost += f.OwnLost
		all.Reported += f.Reported
		all.Needed.Cover(f.Needed)
		all.Died += f.Died
		if dc.agents > 1 {
			all.Orders = append(all.Orders, r.order())
		}
	}
	all.Samples = dc.samples
	return all
}

// expect records that all publishers have sent their last message.
func (r *room) expect(gone map[uint32]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone, r.ended = gone, true
}

// receivedAll reports whether each sent message was received by at least one member. The caller holds mu.
func (r *room) receivedAll() bool {
	if r.allReceived || !r.ended {
		return r.allReceived
	}
	for _, i := range r.publishers {
		if p := &r.check.publics[i]; p.epoch == r.epoch && p.next < r.check.sent[i].Load() {
			return false
		}
	}
	r.allReceived = true
	return true
}

// complete reports whether m has received all messages. It returns false before expect. The owner of m calls it.
func (r *room) complete(m *member) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.receivedAll() {
		return false
	}
	r.placeHeld(m)
	end := r.log.length.Load()
	if m.next == end && m.anomalies == nil {
		return true
	}
	r.skip(m)
	r.excuseUnordered(m)
	for pos := m.next; pos < end; pos++ {
		if e := r.log.at(pos); !m.hasEarly(pos) && (e == nil || !r.own(m, e)) {
			return false
		}
	}
	return m.anomalies == nil || m.anomalies.lost == 0 && !slices.ContainsFunc(m.anomalies.missing, func(g gap) bool {
		for pos := g.from; pos < g.to; pos++ {
			if !r.wasReported(m, pos) {
				return true
			}
		}
		return false
	})
}

// finish counts the missing messages of the room. members are those of the room whose connection lasted until the end. The last messages of
// a publisher that is gone count as died if no member received them: they may not have reached the server. The pollers read nothing any
// more.
func (r *room) finish(members []*member) (f Findings) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range members {
		r.placeHeld(m)
	}
	for _, i := range r.publishers {
		p, sent := &r.check.publics[i], r.check.sent[i].Load()
		switch {
		case sent == unknown || p.epoch != r.epoch:
		case r.gone[i] && !r.check.own(int(i)): // its own agent counts them
		case r.gone[i]:
			f.Died += uint64(sent - p.next)
		default:
			for p.next < sent {
				r.logUnordered(i, math.MaxInt64)
			}
		}
	}
	end := r.log.length.Load()
	f.Faults, f.Expected, f.OwnLost, f.Reported, f.Needed = r.faults, r.expected, r.ownLost, r.missed, r.needed
	for _, m := range members {
		r.skip(m)
		r.pass(m, end)
		r.excuseUnordered(m)
		due := r.due(m, end)
		lost, missed := r.lost(m, due)
		f.Lost += lost
		f.Reported += missed
		f.OwnLost += m.ownLost()
		f.Expected += due
	}
	f.Reordered = r.lateMore
	for _, n := range r.late {
		f.Reordered += max(1, min(n, len(members)-n))
	}
	return f
}

// ownLost returns the number of m's own messages that m did not receive.
func (m *member) ownLost() uint64 {
	if m.anomalies == nil {
		return 0
	}
	return uint64(max(0, m.anomalies.own))
}

// lost returns how many of the messages due to m it did not receive: those that the server lost, and those that the server reported as
// missed (reported). The log may have forgotten that a message is m's own, which is not due to m without an echo. So due limits both
// numbers.
func (r *room) lost(m *member, due uint64) (lost int, reported uint64) {
	a := m.anomalies
	if a == nil {
		return 0, 0
	}
	lost = a.lost
	for _, g := range a.missing {
		lost += int(g.to - g.from)
		for pos := g.from; pos < g.to && len(a.reported) > 0; pos++ {
			if r.wasReported(m, pos) {
				reported++
			}
		}
	}
	reported = min(reported, due)
	lost = max(min(lost-int(reported), int(due-reported))-a.unidentified, 0)
	left := lost
	for _, g := range a.missing {
		for pos := g.from; pos < g.to && left > 0; pos++ {
			if r.wasReported(m, pos) {
				continue
			}
			left--
			if e := r.log.at(pos); e != nil {
				r.check.sample(faultLost, m, int(e.publisher), int64(e.seq))
			}
		}
	}
	return lost, reported
}

// due returns the number of deliveries that m must have received up to the place end.
func (r *room) due(m *member, end uint64) uint64 {
	due := end - m.start
	if m.anomalies != nil {
		due -= min(due, uint64(m.anomalies.excused))
	}
	if r.check.noEcho && m.publisher >= 0 {
		due -= min(due, uint64(r.check.sent[m.publisher].Load()))
	}
	return due
}

// order returns the digest of the room's order, or the zero Order if the order is uncertain.
func (r *room) order() Order {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.uncertain || r.epoch > 0 || r.faults.Any() {
		return Order{}
	}
	return Order{Length: r.log.length.Load(), Digest: r.digest}
}
