package server

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/wheel"
)

// modelSteps is the number of random steps of the model.
const modelSteps = 1_000_000

// The model of recovery: random publications, joins, leaves, disconnects, cleared and expired histories, with a random delay of the jobs of the
// shards. A client must receive the sequence of the room, each publication once and in order, unless its recovery failed. A recovery fails
// only if a publication was missed, or if the position of the room was dropped.
func TestRecoveryIsExactOrReported(t *testing.T) {
	t.Parallel()
	for name, positions := range map[string]int{"every position is kept": chat.MaxPositions, "few positions are kept": 2} {
		t.Run(name, func(t *testing.T) { recoverAsModelled(t, positions) })
	}
}

func recoverAsModelled(t *testing.T, positions int) {
	seed := uint64(time.Now().UnixNano())
	m := newRecoveryModel(t, rand.New(rand.NewPCG(seed, 1)))
	m.sessions.Positions.Stored.Max = positions
	steps := testkit.Share(modelSteps)
	for range steps {
		m.step()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for _, s := range m.sessions.Shards {
		m.work(s, len(s.Inbox))
	}
	enough := steps / 1000
	if lost, lives := m.sessions.Positions.Dropped, len(m.log); positions == chat.MaxPositions && (lost > 0 || lives != len(m.names)) ||
		positions < len(m.names) && (lost < uint64(enough) || lives < enough) {
		t.Errorf("got %d positions lost, and %d lives of %d rooms", lost, lives, len(m.names))
	}
	// A model that never reached a case proves nothing about it.
	for what, n := range m.did {
		if n < enough {
			t.Errorf("only %d times: %s", n, what)
		}
	}
	t.Logf("seed %d: %v", seed, m.did)
}

// recoveryModel drives a hub, and runs the jobs of its shards itself.
type recoveryModel struct {
	t        *testing.T
	random   *rand.Rand
	sessions *session.Sessions
	names    []string
	clients  []*modelClient
	log      map[string][]string // the publications by epoch, in order
	heard    map[*fanout.Topic]map[*fanout.Member]*modelClient
	said     int

	redacted map[chat.StreamPosition]bool
	did      map[string]int

	durable *durableModel // nil with rooms in memory
	talk    *talkModel    // nil without chat rooms
}

// modelClient is a client with the state that it has of each room.
type modelClient struct {
	session  *session.Session
	places   map[string]chat.StreamPosition               // where it is in each room that it ever was in
	awaiting map[*session.JoinAttempt]chat.StreamPosition // what it asked to recover from; its answer is on the way
	joined   map[*session.Subscription]bool
}

func newRecoveryModel(t *testing.T, random *rand.Rand) *recoveryModel {
	cfg := DefaultConfig()
	cfg.MaxRooms = 10
	cfg.HistoryBytes = 60*(chat.PublicationOverhead+8) + 5*chat.HistoryOverhead
	for i, size := range []int{1, 2, 5, 30, 100} {
		o := chat.DefaultRoom()
		o.Pattern, o.HistorySize, o.HistoryTTL, o.Recovery = fmt.Sprint("room", i), size, 20*time.Second, true
		o.Rewind = []int{0, 3, 0, 7, 1000}[i]
		cfg.Rooms = append(cfg.Rooms, o)
	}
	h := newHub(cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 2)
	h.Heartbeat = fanout.NewHeartbeat(&h.Core, cfg.PingInterval, cfg.PingTimeout)
	m := modelOf(t, random, h)
	for _, o := range cfg.Rooms {
		m.names = append(m.names, o.Pattern)
	}
	m.connectAll()
	return m
}

func modelOf(t *testing.T, random *rand.Rand, h *session.Sessions) *recoveryModel {
	return &recoveryModel{
		t: t, random: random, sessions: h,
		log: map[string][]string{},

		redacted: map[chat.StreamPosition]bool{},
		heard:    map[*fanout.Topic]map[*fanout.Member]*modelClient{},
		did:      map[string]int{},
	}
}

// connectAll makes the clients, or connects those that there are again.
func (m *recoveryModel) connectAll() {
	for i := range 8 {
		c := &fanout.Conn{Shard: m.sessions.Shards[i%2], ID: uint64(i + 1)}
		s := &session.Session{Conn: c, Sessions: m.sessions, Encoding: session.JSONEncoding}
		s.Identity.Store(&chat.ClientInfo{User: fmt.Sprint(i), Client: fmt.Sprint(i)})
		if i == len(m.clients) {
			m.clients = append(m.clients, &modelClient{places: map[string]chat.StreamPosition{}})
		}
		m.clients[i].session = s
		m.clients[i].awaiting = map[*session.JoinAttempt]chat.StreamPosition{}
		m.clients[i].joined = map[*session.Subscription]bool{}
	}
}

func (m *recoveryModel) step() {
	name := m.names[m.random.IntN(len(m.names))]
	c := m.clients[m.random.IntN(len(m.clients))]
	if m.durable != nil && m.durable.step() {
		return
	}
	switch n := m.random.IntN(100); {
	case m.random.IntN(500) == 0:
		m.forgetAll()
	case n < 40:
		m.publish(name)
	case n < 60:
		m.join(c, name)
	case n < 70:
		if sub := c.session.Find(name); sub != nil {
			m.did["left"]++
			c.session.Leave(sub)
		}
	case n < 73:
		m.did["cut"]++
		c.session.End()
	case n < 77:
		m.redact(name)
	case n < 78:
		m.clear(name)
	case n < 82:
		now := m.sessions.Clock.Tick() + wheel.Tick(m.random.IntN(30))
		m.sessions.Clock.Ticks.Store(uint32(now))
		m.sessions.ExpireRooms(now)
	default:
		s := m.sessions.Shards[m.random.IntN(2)]
		m.work(s, m.random.IntN(len(s.Inbox)+1))
	}
}

// forgetAll disconnects all clients and releases every room.
func (m *recoveryModel) forgetAll() {
	m.did["forgotten"]++
	for _, c := range m.clients {
		c.session.End()
	}
	for range 3 {
		now := m.sessions.Clock.Tick() + fanout.InTicks(time.Minute)
		m.sessions.Clock.Ticks.Store(uint32(now))
		m.sessions.ExpireRooms(now)
	}
	if n := m.sessions.Rooms.Count(); n != 0 && m.durable == nil { // a durable room waits for its commits
		m.t.Errorf("got %d unused rooms", n)
	}
}

func (m *recoveryModel) clear(name string) {
	if m.durable != nil {
		m.durable.clear(name)
		return
	}
	r, unlock := m.sessions.Rooms.Find(name)
	if r != nil {
		m.did["cleared"]++
		m.sessions.HistoryBudget.Clear(r)
	}
	unlock()
}

func (m *recoveryModel) publish(name string) {
	m.said++
	if m.talk != nil {
		m.talk.publish(name)
		return
	}
	if m.durable != nil {
		m.durable.publish(name, fmt.Sprint(m.said))
		return
	}
	text := fmt.Sprint(m.said)
	pub, _ := session.PublicationOf([]byte(text))
	_, at := m.sessions.Publish(m.sessions.RoomRef(name), pub, chat.PublishOptions{})
	if uint64(len(m.log[at.Epoch])+1) != at.Offset {
		m.t.Errorf("publication got offset %d, want %d", at.Offset, len(m.log[at.Epoch])+1)
	}
	m.log[at.Epoch] = append(m.log[at.Epoch], text)
}

// redact redacts a publication of a room, if there is one. The notice is a publication, too.
func (m *recoveryModel) redact(name string) {
	at := m.sessions.Positions.Get(name)
	r, unlock := m.sessions.Rooms.Find(name)
	if r != nil {
		at = r.History.Position()
	}
	unlock()
	what := chat.Redaction{Channel: name, Offset: at.Offset - min(at.Offset, m.random.Uint64N(20)), Epoch: at.Epoch}
	if m.talk != nil {
		m.talk.redact(what)
		return
	}
	if m.durable != nil {
		m.durable.redact(what)
		return
	}
	in, _ := m.sessions.Redact(what, nil)
	if in == nil {
		return
	}
	m.did["redacted"]++
	m.redacted[chat.StreamPosition{Offset: what.Offset, Epoch: at.Epoch}] = true
	m.log[at.Epoch] = append(m.log[at.Epoch], fmt.Sprintf(`{"type":"redact","offset":%d}`, what.Offset))
}

func (m *recoveryModel) join(c *modelClient, name string) {
	if c.session.Find(name) != nil {
		return
	}
	e := &session.JoinAttempt{Requested: &protocol.SubscribeRequest{Channel: name}, Info: c.session.Info()}
	if at, been := c.places[name]; been && m.random.IntN(5) > 0 {
		e.Requested.Recover, e.Requested.Offset, e.Requested.Epoch = true, at.Offset, at.Epoch
		c.awaiting[e] = at
	}
	c.session.Join([]*session.JoinAttempt{e}, func() []*protocol.Reply {
		return []*protocol.Reply{{Subscribe: e.Result}}
	})
	if denied, known := m.denies(c, name); e.Err != nil && known && !denied {
		m.t.Errorf("%s not joined: %v", name, e.Err)
	} else if e.Err == nil && denied {
		m.t.Errorf("%s joined by %s", name, c.session.Info().User)
	}
	if e.Err != nil {
		m.did["not joined"]++
		delete(c.awaiting, e)
	}
}

// denies reports whether a client may not join a room. known is false if that depends on a change of unknown outcome.
func (m *recoveryModel) denies(c *modelClient, name string) (denied, known bool) {
	user := c.session.Info().User
	if m.talk != nil && name == directRoom && user != "0" && user != "1" {
		return true, true
	}
	if m.durable != nil && m.durable.sanctions != nil {
		return m.durable.sanctions.bans(user, name)
	}
	return false, true
}

// work runs the first n jobs of a shard.
func (m *recoveryModel) work(s *fanout.Shard, n int) {
	jobs := s.Inbox[:n:n]
	s.Inbox = append([]fanout.Job(nil), s.Inbox[n:]...)
	for _, j := range jobs {
		switch j.Do {
		case fanout.SendReply:
			told := j.Reply.(*session.ReplyFrame)
			if told.Join == nil {
				continue
			}
			for _, e := range told.Join.Attempts {
				if e.Err == nil {
					e.Result = e.SubscribeResult()
					m.answered(m.of(j.Conn), e)
				}
			}
		case fanout.JoinTopic:
			if m.heard[j.Member.Topic] == nil {
				m.heard[j.Member.Topic] = map[*fanout.Member]*modelClient{}
			}
			m.heard[j.Member.Topic][j.Member] = m.of(j.Member.Conn)
		case fanout.LeaveTopic:
			delete(m.heard[j.Member.Topic], j.Member)
		case fanout.Deliver:
			said := j.Message.(*chat.Message)
			for _, c := range m.heard[j.Topic] {
				m.hear(c, said.Room.Name, &said.Pub)
			}
		}
	}
}

func (m *recoveryModel) of(c *fanout.Conn) *modelClient { return m.clients[c.ID-1] }

// answered checks the reply to a join.
func (m *recoveryModel) answered(c *modelClient, e *session.JoinAttempt) {
	name, r := e.Requested.Channel, e.Result
	from, asked := c.awaiting[e]
	if m.durable != nil {
		m.durable.joined(c, name, asked && r.Recovered)
	}
	delete(c.awaiting, e)
	switch {
	case !asked:
		m.did["came"]++
		c.places[name] = chat.StreamPosition{Offset: r.Offset, Epoch: r.Epoch}
		m.rewound(c, e)
		m.talk.load(c, name)
	case !r.Recovered:
		m.did["told that it missed something"]++
		if len(e.RecoveredPublications) > 0 {
			m.t.Errorf("not recovered, but got %d publications", len(e.RecoveredPublications))
		}
		if r.Epoch == from.Epoch && r.Offset == from.Offset {
			m.t.Errorf("%s: nothing was missed after offset %d, but the recovery failed", name, r.Offset)
		}
		c.places[name] = chat.StreamPosition{Offset: r.Offset, Epoch: r.Epoch}
		m.talk.load(c, name)
	default:
		m.did["recovered"]++
		if len(e.RecoveredPublications) == 0 {
			m.did["recovered, and had missed nothing"]++
		}
		if r.Epoch != from.Epoch || r.Offset != from.Offset {
			m.t.Errorf("recovered from %v: got %d %s", from, r.Offset, r.Epoch)
		}
		c.places[name] = from
		for i := range e.RecoveredPublications {
			m.did["recovered publications"]++
			m.hear(c, name, &e.RecoveredPublications[i])
		}
	}
}

// rewound checks the newest publications that a client received when it joined.
func (m *recoveryModel) rewound(c *modelClient, e *session.JoinAttempt) {
	if len(e.RecoveredPublications) > e.Room.Options.Rewind {
		m.t.Errorf("got %d publications, want %d at most", len(e.RecoveredPublications), e.Room.Options.Rewind)
	}
	for i := range e.RecoveredPublications {
		m.did["rewound publications"]++
		m.hear(c, e.Requested.Channel, &e.RecoveredPublications[i])
	}
}

// hear checks the next publication that a client receives from a room.
func (m *recoveryModel) hear(c *modelClient, name string, p *chat.Publication) {
	at := c.places[name]
	if p.Offset != at.Offset+1 {
		m.t.Errorf("%s: received offset %d after %d", name, p.Offset, at.Offset)
		return
	}
	if m.talk != nil {
		m.talk.hear(c, name, p)
		c.places[name] = chat.StreamPosition{Offset: p.Offset, Epoch: at.Epoch}
		return
	}
	if m.durable != nil {
		m.durable.learn(name, p, at.Epoch)
		c.places[name] = chat.StreamPosition{Offset: p.Offset, Epoch: at.Epoch}
		return
	}
	if log := m.log[at.Epoch]; uint64(len(log)) < p.Offset || log[p.Offset-1] != string(p.Data) &&
		!(string(p.Data) == string(chat.Redacted) && m.redacted[chat.StreamPosition{Offset: p.Offset, Epoch: at.Epoch}]) {
		m.t.Errorf("%s: received %q as offset %d of epoch %s, which is not the publication", name, p.Data, p.Offset, at.Epoch)
		return
	}
	c.places[name] = chat.StreamPosition{Offset: p.Offset, Epoch: at.Epoch}
}
