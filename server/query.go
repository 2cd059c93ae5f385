package server

import (
	"github.com/centrifugal/protocol"
)

// What a session may ask about a room: who is there, and what was said.

const (
	maxHistoryPage = 300 // publications in one answer; to a client it ends earlier, with the one that makes it half of max-unsent
	atOnce         = 200 // members that a poller tells of by itself; more is work for another goroutine
)

// presence answers who is in a room.
func (s *session) presence(id uint32, req *protocol.PresenceRequest) {
	infos, e := s.who(req.Channel)
	if e != nil {
		s.fail(id, e)
		return
	}
	if len(infos) <= atOnce {
		s.replies = append(s.replies, &protocol.Reply{Id: id, Presence: &protocol.PresenceResult{Presence: byClient(infos)}})
		return
	}
	s.await(s.hub.answers, func() func() {
		frame := encodePresence(s.encoding, id, infos)
		return func() {
			s.hub.post(s.conn.shard, job{do: sendAnswer, conn: s.conn, frame: frame, replies: []*protocol.Reply{{Id: id, Error: errTooManyRequests}}})
		}
	}, func() { s.fail(id, errTooManyRequests) })
}

// who is in a room, as far as the session may know.
func (s *session) who(room string) ([]*protocol.ClientInfo, *protocol.Error) {
	if e := s.maySeePresence(room); e != nil {
		return nil, e
	}
	return s.hub.present(room), nil
}

// present are those in a room.
func (h *hub) present(room string) []*protocol.ClientInfo {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rooms[room]; r != nil {
		return r.present.snapshot()
	}
	return nil
}

func (s *session) maySeePresence(room string) *protocol.Error {
	switch {
	case !validRoomName(room):
		return errBadRequest
	case s.denial(room) == errUnknownChannel:
		return errUnknownChannel
	case !s.hub.optionsOf(room).Presence:
		return errNotAvailable
	case !s.may(toSeePresence, room):
		return errDenied
	}
	return nil
}

// presenceStats answers how many are in a room.
func (s *session) presenceStats(id uint32, req *protocol.PresenceStatsRequest) {
	if e := s.maySeePresence(req.Channel); e != nil {
		s.fail(id, e)
		return
	}
	s.replies = append(s.replies, &protocol.Reply{Id: id, PresenceStats: s.hub.presenceStats(req.Channel)})
}

func (h *hub) presenceStats(room string) *protocol.PresenceStatsResult {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rooms[room]; r != nil {
		return r.present.stats()
	}
	return &protocol.PresenceStatsResult{}
}

// history answers what was said in a room.
func (s *session) history(id uint32, req *protocol.HistoryRequest) {
	switch {
	case !validRoomName(req.Channel):
		s.fail(id, errBadRequest)
		return
	case s.denial(req.Channel) == errUnknownChannel:
		s.fail(id, errUnknownChannel)
		return
	case s.hub.optionsOf(req.Channel).HistorySize == 0:
		s.fail(id, errNotAvailable)
		return
	case !s.may(toReadHistory, req.Channel):
		s.fail(id, errDenied)
		return
	}
	pubs, at, e := s.hub.read(req.Channel, req.Since, int(req.Limit), s.hub.maxUnsent/2, req.Reverse)
	if e != nil {
		s.fail(id, e)
		return
	}
	result := &protocol.HistoryResult{Epoch: at.epoch, Offset: at.offset, Publications: []*protocol.Publication{}} // SDKs want a list
	for i := range pubs {
		result.Publications = append(result.Publications, pubs[i].past(s.encoding))
	}
	s.replies = append(s.replies, &protocol.Reply{Id: id, History: result})
}

// read is a page of a room's history, and its newest position.
func (h *hub) read(room string, since *protocol.StreamPosition, limit, mostBytes int, reverse bool) ([]publication, position, *protocol.Error) {
	if limit < 0 || limit > maxHistoryPage {
		limit = maxHistoryPage
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var at position
	r := h.rooms[room]
	if r != nil {
		h.expireLocked(r)
		at = r.history.position()
	} else {
		at = h.positions.of(room)
	}
	var from *position
	if since != nil {
		from = &position{since.Offset, since.Epoch}
		switch {
		case from.epoch != "" && from.epoch != at.epoch:
			return nil, position{}, errUnrecoverable
		case reverse && from.offset == 0:
			return nil, position{}, errBadRequest
		}
	}
	if r == nil {
		return nil, at, nil
	}
	return r.history.page(from, limit, mostBytes, reverse), at, nil
}
