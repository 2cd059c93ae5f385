package server

import (
	"runtime"

	"github.com/centrifugal/protocol"
)

// What a session may ask about a room: who is there, and what was said.

const (
	maxHistoryPage = 300 // publications in one answer; to a client it ends earlier, with the one that makes it half of max-unsent
)

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
	s.replies = append(s.replies, &protocol.Reply{Id: id, Presence: &protocol.PresenceResult{Presence: byClient(infos)}})
}

// fewPresent are those in a room, where an answer that tells of all has so many bytes at most, about; and how many it has.
func (h *hub) fewPresent(room string, mostBytes int) (infos []*protocol.ClientInfo, size int, all bool) {
	r, unlock := h.rooms.find(room)
	defer unlock()
	if r == nil {
		return nil, 0, true
	}
	if r.present.bytes > mostBytes {
		return nil, r.present.bytes, false
	}
	return r.present.snapshot(), r.present.bytes, true
}

// present are those in a room.
func (h *hub) present(room string) []*protocol.ClientInfo {
	r, unlock := h.rooms.find(room)
	defer unlock()
	if r != nil {
		return r.present.snapshot()
	}
	return nil
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
	s.replies = append(s.replies, &protocol.Reply{Id: id, PresenceStats: s.hub.presenceStats(req.Channel)})
}

func (h *hub) presenceStats(room string) *protocol.PresenceStatsResult {
	r, unlock := h.rooms.find(room)
	defer unlock()
	if r != nil {
		return r.present.stats(r.plainMembers())
	}
	return &protocol.PresenceStatsResult{}
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
		size += pubs[i].size() + remembered
	}
	if size >= light && size > 0 {
		s.askLong(id, q, s.hub.maxUnsent/2)
		return
	}
	result, size := tellPast(pubs, at, s.encoding.isJSON(), s.hub.maxUnsent/2)
	s.draw(size)
	s.replies = append(s.replies, &protocol.Reply{Id: id, History: result})
}

// tellPast is a page of a room's history as the protocol has it, and about how many bytes that takes. It ends with the publication that
// makes it so many bytes: text may take several times as many in JSON as it had.
func tellPast(pubs []publication, at position, json bool, mostBytes int) (result *protocol.HistoryResult, size int) {
	e := protobufEncoding
	if json {
		e = jsonEncoding
	}
	result = &protocol.HistoryResult{Epoch: at.epoch, Offset: at.offset, Publications: []*protocol.Publication{}} // SDKs want a list
	for i := range pubs {
		if i > 0 && size >= mostBytes {
			break
		}
		told := pubs[i].past(e)
		result.Publications = append(result.Publications, told)
		size += pubs[i].size() - len(pubs[i].data) + len(told.Data) + presenceOverhead
	}
	return result, size
}

// encodeHistory makes what follows the id in the reply that tells of a room's history. Called on a worker.
func (h *hub) encodeHistory(q longQuestion) ([]byte, *protocol.Error) {
	pubs, at, e := h.read(q.room, q.since(), q.limit, h.maxUnsent/2, q.reverse)
	if e != nil {
		return nil, errorOf(e)
	}
	result, size := tellPast(pubs, at, q.json, h.maxUnsent/2)
	runtime.Gosched()
	if q.json {
		return append(result.AppendJSON(make([]byte, 0, size)), '}'), nil
	}
	return appendProtobuf(nil, result), nil
}

// read is a page of a room's history, and its newest position.
func (h *hub) read(room string, since *protocol.StreamPosition, limit, mostBytes int, reverse bool) ([]publication, position, *rejection) {
	if limit < 0 || limit > maxHistoryPage {
		limit = maxHistoryPage
	}
	r, unlock := h.rooms.find(room)
	defer unlock()
	var at position
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
			return nil, position{}, rejectUnrecoverable
		case reverse && from.offset == 0:
			return nil, position{}, rejectInvalid
		}
	}
	if r == nil {
		return nil, at, nil
	}
	return r.history.page(from, limit, mostBytes, reverse), at, nil
}
