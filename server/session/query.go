package session

import (
	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// The commands that read a room: presence, presence_stats, history.

// presence handles the command presence.
func (s *Session) presence(id uint32, req *protocol.PresenceRequest) {
	if e := s.checkPresence(req.Channel); e != nil {
		s.fail(id, e)
		return
	}
	infos, size, all := s.Sessions.PresenceWithin(req.Channel, s.inlineBytes())
	if !all {
		s.queryBulk(id, s.bulkQuery(presenceQuery, req.Channel), size)
		return
	}
	s.chargeBulk(size)
	s.Reply(&protocol.Reply{Id: id, Presence: &protocol.PresenceResult{Presence: presenceByClient(infos)}})
}

func (s *Session) checkPresence(room string) *protocol.Error {
	if !chat.ValidRoomName(room) {
		return ErrBadRequest
	}
	in := s.roomRef(room)
	return s.checkRead(chat.ToSeePresence, in, unless(in.Options.Presence, ErrNotAvailable))
}

// checkRead returns the error of a session that may not read the presence or the history of a room; nil if it may. absent is the error
// of a room without it.
func (s *Session) checkRead(action chat.Action, in chat.RoomRef, absent *protocol.Error) *protocol.Error {
	return s.checkReadBy(s.actorIn(in), action, in, absent)
}

// checkReadBy is checkRead for an actor.
func (s *Session) checkReadBy(actor chat.Actor, action chat.Action, in chat.RoomRef, absent *protocol.Error) *protocol.Error {
	switch {
	case !actor.Member && s.Sessions.Unknown(in):
		return ErrUnknownChannel
	case absent != nil:
		return absent
	case !s.Sessions.Authorize(actor, action, in):
		return ErrorOf(s.Sessions.Denial(actor, action, in))
	}
	return nil
}

// presenceStats handles the command presence_stats.
func (s *Session) presenceStats(id uint32, req *protocol.PresenceStatsRequest) {
	if e := s.checkPresence(req.Channel); e != nil {
		s.fail(id, e)
		return
	}
	stats := s.Sessions.PresenceStats(req.Channel)
	s.Reply(&protocol.Reply{Id: id, PresenceStats: &protocol.PresenceStatsResult{
		NumClients: uint32(stats.Clients),
		NumUsers:   uint32(stats.Users),
	}})
}

// history handles the command history.
func (s *Session) history(id uint32, req *protocol.HistoryRequest) {
	if !chat.ValidRoomName(req.Channel) {
		s.fail(id, ErrBadRequest)
		return
	}
	in := s.roomRef(req.Channel)
	if e := s.checkRead(chat.ToReadHistory, in, unless(in.Options.HistorySize > 0, ErrNotAvailable)); e != nil {
		s.fail(id, e)
		return
	}
	q := s.bulkQuery(HistoryQuery, req.Channel)
	q.Limit, q.reverse = int(req.Limit), req.Reverse
	if req.Since != nil {
		q.HasFrom, q.From = true, chat.StreamPosition{Offset: req.Since.Offset, Epoch: req.Since.Epoch}
	}
	inline := s.inlineBytes()
	pubs, at, e := s.Sessions.Read(q.Room, q.Since(), q.Limit, max(inline, 1), q.reverse) // a limit of 0 returns none
	if e != nil {
		s.fail(id, ErrorOf(e))
		return
	}
	size := 0
	for i := range pubs {
		size += pubs[i].Size() + chat.PublicationOverhead
	}
	if size >= inline && size > 0 {
		s.queryBulk(id, q, s.Sessions.Limits().MaxUnsent/2)
		return
	}
	result, size := HistoryPage(pubs, at, s.Encoding.isJSON(), s.Sessions.Limits().MaxUnsent/2)
	s.chargeBulk(size)
	s.Reply(&protocol.Reply{Id: id, History: result})
}
