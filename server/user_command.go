package server

import (
	"time"

	"github.com/centrifugal/protocol"
)

// userCommand is what the application commands for connections of a user: data, which can wait (words.go), and could be sent to another
// node. Each kind is a struct of its own.
type userCommand interface {
	// apply does it to a connection. Called on the connection's poller.
	apply(*session) *rejection
	// size is how many bytes the command holds while it waits.
	size() int
}

// disconnectUser ends connections.
type disconnectUser struct{ why disconnect }

func (c disconnectUser) size() int { return len(c.why.text) }

func (c disconnectUser) apply(s *session) *rejection {
	s.expel(c.why)
	return nil
}

// unsubscribeUser ends subscriptions to a room, also one that the application is still being asked about.
type unsubscribeUser struct {
	room string
	why  ending
}

func (c unsubscribeUser) size() int { return len(c.room) }

func (c unsubscribeUser) apply(s *session) *rejection {
	if e := s.entering; e != nil && e.wish.Channel == c.room {
		e.ended = true
	}
	if sub := s.find(c.room); sub != nil {
		s.endSubscription(sub, c.why)
	}
	return nil
}

// subscribeUser puts connections into a room.
type subscribeUser struct {
	room        string
	info        []byte // JSON
	data        []byte
	expires     time.Time // the zero time for never
	since       *spot     // to recover from; nil for no recovery
	recoverable bool
	positioned  bool
}

func (c subscribeUser) size() int { return len(c.room) + len(c.info) + len(c.data) }

func (c subscribeUser) apply(s *session) *rejection {
	wish := &protocol.SubscribeRequest{Channel: c.room, Recoverable: c.recoverable, Positioned: c.positioned}
	if c.since != nil {
		wish.Recover, wish.Offset, wish.Epoch = true, c.since.Offset, c.since.Epoch
	}
	return s.subscribeByServer(&entry{
		wish:       wish,
		serverSide: true,
		withToken:  true,
		info:       s.infoIn(c.info),
		data:       c.data,
		expires:    expiryOf(c.expires),
		ttl:        ttl(c.expires),
	})
}

// refreshUser changes when connections expire, and what others see of them.
type refreshUser struct {
	expires time.Time // the zero time for never
	info    []byte    // JSON; nil to leave it
}

func (c refreshUser) size() int { return len(c.info) }

func (c refreshUser) apply(s *session) *rejection {
	s.expires = expiryOf(c.expires)
	if len(c.info) > 0 {
		s.show(asJSON(c.info))
	}
	s.push(&protocol.Push{Refresh: &protocol.Refresh{Expires: s.expires != 0, Ttl: ttl(c.expires)}})
	s.schedule()
	return nil
}

// checkRevoked ends the connections and subscriptions that were made by tokens which are revoked now.
type checkRevoked struct{}

func (checkRevoked) size() int { return 0 }

func (checkRevoked) apply(s *session) *rejection {
	m := s.hub.moderation
	if m.refuses(s.info.User, s.credential) {
		s.expel(disconnectInvalidToken)
		return nil
	}
	for i := len(s.subs) - 1; i >= 0; i-- {
		if sub := s.subs[i]; sub.credential != nil && m.refuses(s.info.User, *sub.credential) {
			s.endSubscription(sub, endedByRevocation)
		}
	}
	return nil
}
