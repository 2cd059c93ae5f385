package embedded

import "github.com/throng-chat/throng/server/chat"

// source is what a subscription receives.
type source interface {
	// take calls the function with what is there, until the subscription ends. It returns false if nothing was there.
	take(sub *Subscription) bool

	ready() <-chan struct{} // has a token if take may return true
	leave()                 // ends the queue
}

// roomSource has the publications of a room.
type roomSource struct {
	hub      *chat.Hub
	listener *chat.Listener
	do       func(Publication) error
	onGap    func(Gap) // nil: a gap ends the subscription
	batch    chat.Batch
}

func (rs *roomSource) ready() <-chan struct{} { return rs.listener.Ready }

func (rs *roomSource) leave() { rs.hub.Unlisten(rs.listener) }

func (rs *roomSource) take(sub *Subscription) bool {
	rs.batch = rs.hub.Take(rs.listener, rs.batch.Publications)
	if rs.batch.Lost > 0 || rs.batch.Unknown {
		rs.gap(sub)
	}
	for i := range rs.batch.Publications {
		if sub.ended() {
			break
		}
		p := publicationOf(rs.listener.Room, rs.batch.Epoch, &rs.batch.Publications[i])
		if sub.call(func() error { return rs.do(p) }) && p.Position != (Position{}) {
			sub.reached(p.Position)
		}
	}
	return len(rs.batch.Publications) > 0
}

// gap reports lost publications, or ends the subscription.
func (rs *roomSource) gap(sub *Subscription) {
	b := &rs.batch
	g := Gap{rs.listener.Room, b.Lost, b.Unknown, Position{b.At.Offset, b.At.Epoch}}
	sub.of.metrics.EmbeddedGaps.Inc()
	sub.of.metrics.EmbeddedLost.Add(float64(b.Lost))
	if rs.onGap == nil {
		sub.end(&GapError{g})
		return
	}
	if sub.call(func() error { rs.onGap(g); return nil }) {
		sub.reached(g.Next)
	}
}
