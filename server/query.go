package server

import (
	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// What a session may ask about a room: who is there, and what was said.

// presence answers who is in a room.
func (s *session) presence(id uint32, req *protocol.PresenceRequest) {
	if e := s.maySeePresence(req.Channel); e != nil {
		s.fail(id, e)
		return
	}
	infos, size, all := s.hub.FewPresent(req.Channel, s.light())
	if !all {
		s.askLong(id, longQuestion{about: presenceOf, room: req.Channel, json: s.encoding.isJSON()}, size)
		return
	}
	s.draw(size)
	s.reply(&protocol.Reply{Id: id, Presence: &protocol.PresenceResult{Presence: byClient(infos)}})
}

func (s *session) maySeePresence(room string) *protocol.Error {
	if !chat.ValidRoomName(room) {
		return errBadRequest
	}
	in := s.viewOf(room)
	return s.mayRead(chat.ToSeePresence, in, in.Options.Presence)
}

// mayRead says why the session may not see something of a room, which the room offers or not; nil if it may.
func (s *session) mayRead(d chat.Action, in chat.View, offered bool) *protocol.Error {
	who := s.in(in)
	switch {
	case !who.Inside && s.hub.Unknown(in):
		return errUnknownChannel
	case !offered:
		return errNotAvailable
	case !s.hub.Authorize(who, d, in):
		return errorOf(s.hub.Denial(who, d, in))
	}
	return nil
}

// presenceStats answers how many are in a room.
func (s *session) presenceStats(id uint32, req *protocol.PresenceStatsRequest) {
	if e := s.maySeePresence(req.Channel); e != nil {
		s.fail(id, e)
		return
	}
	stats := s.hub.PresenceStats(req.Channel)
	s.reply(&protocol.Reply{Id: id, PresenceStats: &protocol.PresenceStatsResult{
		NumClients: uint32(stats.Clients),
		NumUsers:   uint32(stats.Users),
	}})
}

// history answers what was said in a room.
func (s *session) history(id uint32, req *protocol.HistoryRequest) {
	if !chat.ValidRoomName(req.Channel) {
		s.fail(id, errBadRequest)
		return
	}
	in := s.viewOf(req.Channel)
	if e := s.mayRead(chat.ToReadHistory, in, in.Options.HistorySize > 0); e != nil {
		s.fail(id, e)
		return
	}
	q := longQuestion{about: historyOf, room: req.Channel, json: s.encoding.isJSON(), limit: int(req.Limit), reverse: req.Reverse}
	if req.Since != nil {
		q.hasFrom, q.from = true, chat.Position{Offset: req.Since.Offset, Epoch: req.Since.Epoch}
	}
	light := s.light()
	pubs, at, e := s.hub.Read(q.room, q.since(), q.limit, max(light, 1), q.reverse) // none where none is asked for
	if e != nil {
		s.fail(id, errorOf(e))
		return
	}
	size := 0
	for i := range pubs {
		size += pubs[i].Size() + chat.Remembered
	}
	if size >= light && size > 0 {
		s.askLong(id, q, s.hub.MaxUnsent/2)
		return
	}
	result, size := tellPast(pubs, at, s.encoding.isJSON(), s.hub.MaxUnsent/2)
	s.draw(size)
	s.reply(&protocol.Reply{Id: id, History: result})
}
