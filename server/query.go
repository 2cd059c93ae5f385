package server

import "github.com/centrifugal/protocol"

// What a session may ask about a room: who is there, and what was said.

// presence answers who is in a room.
func (s *session) presence(id uint32, req *protocol.PresenceRequest) {
	if e := s.maySeePresence(req.Channel); e != nil {
		s.fail(id, e)
		return
	}
	infos, size, all := s.hub.fewPresent(req.Channel, s.light())
	if !all {
		s.askLong(id, longQuestion{about: presenceOf, room: req.Channel, json: s.encoding.isJSON()}, size)
		return
	}
	s.draw(size)
	s.reply(&protocol.Reply{Id: id, Presence: &protocol.PresenceResult{Presence: byClient(infos)}})
}

func (s *session) maySeePresence(room string) *protocol.Error {
	if !validRoomName(room) {
		return errBadRequest
	}
	in := s.viewOf(room)
	return s.mayRead(toSeePresence, in, in.options.Presence)
}

// mayRead says why the session may not see something of a room, which the room offers or not; nil if it may.
func (s *session) mayRead(d deed, in view, offered bool) *protocol.Error {
	who := s.in(in)
	switch {
	case !who.inside && s.hub.unknown(in):
		return errUnknownChannel
	case !offered:
		return errNotAvailable
	case !s.hub.authorize(who, d, in):
		return errorOf(s.hub.denial(who, d, in))
	}
	return nil
}

// presenceStats answers how many are in a room.
func (s *session) presenceStats(id uint32, req *protocol.PresenceStatsRequest) {
	if e := s.maySeePresence(req.Channel); e != nil {
		s.fail(id, e)
		return
	}
	stats := s.hub.presenceStats(req.Channel)
	s.reply(&protocol.Reply{Id: id, PresenceStats: &protocol.PresenceStatsResult{
		NumClients: uint32(stats.clients),
		NumUsers:   uint32(stats.users),
	}})
}

// history answers what was said in a room.
func (s *session) history(id uint32, req *protocol.HistoryRequest) {
	if !validRoomName(req.Channel) {
		s.fail(id, errBadRequest)
		return
	}
	in := s.viewOf(req.Channel)
	if e := s.mayRead(toReadHistory, in, in.options.HistorySize > 0); e != nil {
		s.fail(id, e)
		return
	}
	q := longQuestion{about: historyOf, room: req.Channel, json: s.encoding.isJSON(), limit: int(req.Limit), reverse: req.Reverse}
	if req.Since != nil {
		q.hasFrom, q.from = true, position{req.Since.Offset, req.Since.Epoch}
	}
	light := s.light()
	pubs, at, e := s.hub.read(q.room, q.since(), q.limit, max(light, 1), q.reverse) // none where none is asked for
	if e != nil {
		s.fail(id, errorOf(e))
		return
	}
	size := 0
	for i := range pubs {
		size += pubs[i].Size() + remembered
	}
	if size >= light && size > 0 {
		s.askLong(id, q, s.hub.MaxUnsent/2)
		return
	}
	result, size := tellPast(pubs, at, s.encoding.isJSON(), s.hub.MaxUnsent/2)
	s.draw(size)
	s.reply(&protocol.Reply{Id: id, History: result})
}
