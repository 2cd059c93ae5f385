package session

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/search"
)

// The rpc method search: the messages of chat rooms whose text has all terms, the newest first. A worker searches, a few messages at a time, so
// that neither the loop nor a room waits for it.

const (
	maxSearched     = 32 << 20 // bytes of texts that one search compares
	searchedPerByte = 16       // so many compared bytes count as one byte of a bulk reply
	defaultFound    = 20
	maxFound        = 100
)

// searchParams are the parameters of the method.
type searchParams struct {
	Text    string          `json:"text"`
	Channel string          `json:"channel"` // empty: all chat rooms of the client
	User    string          `json:"user"`    // the author; empty: all
	Before  json.RawMessage `json:"before"`  // an offset with channel; else the "next" of the reply before
	Limit   int             `json:"limit"`
}

// searching is one search. Constant after begin, except for the result, which the worker owns.
type searching struct {
	session  *Session
	params   searchParams
	rooms    []string
	query    search.Query
	maxBytes int // of the reply
	viewer   string

	reply []byte // without its end
	found int
}

// search is the rpc method.
func (s *Session) search(id uint32, params []byte) {
	f := &searching{session: s, viewer: s.userID(), maxBytes: s.Sessions.Limits().MaxUnsent / 2}
	if json.Unmarshal(params, &f.params) != nil {
		s.fail(id, ErrBadRequest)
		return
	}
	if e := f.begin(); e != nil {
		s.fail(id, e)
		return
	}
	metrics := &s.Sessions.Metrics.Searches
	reject := func() {
		metrics.Rejected.Inc()
		s.reject(id, ErrTooManyRequests)
	}
	if s.overBulkRate() {
		reject()
		return
	}
	s.Await(s.Sessions.Searchers, func() func() {
		data, compared, canceled := f.run()
		if canceled {
			metrics.Canceled.Inc()
		} else {
			metrics.Done.Inc()
		}
		return func() {
			s.chargeBulk(len(data) + compared/searchedPerByte)
			s.Reply(&protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: data}})
		}
	}, reject)
}

// begin checks the parameters and the permissions. Called on the poller.
func (f *searching) begin() *protocol.Error {
	s, p := f.session, &f.params
	matcher, err := search.New(p.Text)
	if err != nil {
		return searchError(err.Error())
	}
	if p.Limit == 0 {
		p.Limit = defaultFound
	}
	if p.Limit < 1 || p.Limit > maxFound {
		return searchError("limit: found " + strconv.Itoa(p.Limit) + ", allowed: 1 to 100")
	}
	if p.Channel != "" {
		if !chat.ValidRoomName(p.Channel) {
			return ErrBadRequest
		}
		in := s.roomRef(p.Channel)
		if e := s.checkRead(chat.ToReadHistory, in, unless(in.Options.IsChat(), errNotChat)); e != nil {
			return e
		}
		f.rooms = []string{p.Channel}
	} else {
		f.rooms = s.searchableRooms()
	}
	f.query = search.Query{Matcher: matcher, User: p.User, MaxBytes: maxSearched, Canceled: s.Conn.Closing, Take: f.take}
	for _, room := range f.rooms {
		f.query.Sources = append(f.query.Sources, s.Sessions.TextsOf(room))
	}
	return f.from()
}

// searchableRooms returns the chat rooms of the client whose history it may read.
func (s *Session) searchableRooms() (rooms []string) {
	for _, sub := range s.Subs {
		in := s.roomRef(sub.Room.Name)
		if in.Options.IsChat() && s.Sessions.Authorize(s.actorIn(in), chat.ToReadHistory, in) {
			rooms = append(rooms, in.Name)
		}
	}
	return rooms
}

// from sets the positions from which the search continues.
func (f *searching) from() *protocol.Error {
	q, before := &f.query, f.params.Before
	q.From = make([]search.Position, len(f.rooms))
	if len(before) == 0 || string(before) == "null" {
		return nil
	}
	if f.params.Channel != "" {
		if json.Unmarshal(before, &q.From[0].Before) != nil || q.From[0].Before == 0 {
			return searchError("before: must be the offset of a message")
		}
		return nil
	}
	var next map[string]uint64
	if json.Unmarshal(before, &next) != nil {
		return searchError(`before: must be the "next" of the reply before, because there is no channel`)
	}
	for i, room := range f.rooms {
		offset, ok := next[room]
		q.From[i] = search.Position{Before: offset, Done: !ok}
	}
	return nil
}

// take adds a message to the reply, as it stands now. It returns false if the reply has enough. Called on the worker.
func (f *searching) take(source int, found search.Text) bool {
	if f.found == f.params.Limit {
		return false
	}
	m, ok := f.session.Sessions.MessageAt(f.rooms[source], found.Offset, f.viewer)
	if !ok || m.Deleted || m.Text != found.Text && !f.query.Matcher.Match(m.Text) {
		return true // it has changed meanwhile
	}
	one := cfjson.AppendString([]byte(`{"channel":`), f.rooms[source])
	one = append(append(one, ','), m.AppendJSON(nil)[1:]...)
	if f.found > 0 && len(f.reply)+len(one) > f.maxBytes {
		return false
	}
	if f.found > 0 {
		f.reply = append(f.reply, ',')
	}
	f.reply = append(f.reply, one...)
	f.found++
	return true
}

// run searches and returns the reply, the bytes that were compared, and whether the search ended because its client has left. Called on a worker.
func (f *searching) run() (data []byte, compared int, canceled bool) {
	f.reply = append(f.reply, `{"messages":[`...)
	at, compared := f.query.Run()
	more := slices.ContainsFunc(at, func(p search.Position) bool { return !p.Done })
	data = strconv.AppendBool(append(f.reply, `],"more":`...), more)
	if more {
		data = f.appendNext(append(data, `,"next":`...), at)
	}
	return append(data, '}'), compared, more && f.query.Canceled()
}

// appendNext appends where the search continues: an offset with a channel, else an object with the offset of each room that has more.
func (f *searching) appendNext(b []byte, at []search.Position) []byte {
	if f.params.Channel != "" {
		return strconv.AppendUint(b, at[0].Before, 10)
	}
	b = append(b, '{')
	for i, p := range at {
		if p.Done {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = cfjson.AppendString(b, f.rooms[i])
		b = strconv.AppendUint(append(b, ':'), p.Before, 10)
	}
	return append(b, '}')
}

// searchError returns error 107 with its cause.
func searchError(text string) *protocol.Error {
	return ErrorOf(&chat.Rejection{Cause: chat.CauseInvalid, Detail: text})
}
