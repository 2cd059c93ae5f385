package agent

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/throng-chat/throng/bench/result"
)

// proof is what an agent knows of all messages and all its members: that every member of a room gets every message once,
// whole, and in one order. Each room keeps its own part of it (room.go).
type proof struct {
	// Constant.
	run     uint32
	size    int
	filler  string
	noEcho  bool
	agents  int
	agent   int
	rooms   []*room
	roomOf  []int32         // by publisher
	sent    []atomic.Uint32 // by publisher: how many messages were begun to be sent; unknown for another agent's, until finish
	publics []places        // by publisher: guarded by its room's lock

	mu      sync.Mutex
	samples []result.Fault
}

const maxSamples = 20 // faults told one by one

// unknown is a count that another agent will tell in the end.
const unknown = math.MaxUint32

// grace is how long after its opening a connection need not hear what was sent: some servers answer the handshake before
// they let a client hear. From its first delivery on it must hear everything.
const grace = 1e9

// newProof is for the agent that has the plan.
func newProof(plan *Plan) *proof {
	roomOf := plan.RoomOf[:plan.Publishers]
	p := &proof{
		run: plan.Run, size: plan.Size, filler: filler(plan.Size - StampSize), noEcho: plan.NoEcho, agent: plan.Agent, agents: plan.Agents,
		rooms: make([]*room, len(plan.Rooms)), roomOf: roomOf,
		sent: make([]atomic.Uint32, len(roomOf)), publics: make([]places, len(roomOf)),
	}
	for i := range p.rooms {
		p.rooms[i] = newRoom(p, int32(i), len(plan.Rooms))
	}
	for i, room := range roomOf {
		p.rooms[room].publishers = append(p.rooms[room].publishers, uint32(i))
		if !p.own(i) {
			p.sent[i].Store(unknown)
		}
	}
	return p
}

// own says whether a connection is this agent's.
func (pf *proof) own(connection int) bool { return connection%pf.agents == pf.agent }

func (pf *proof) sample(kind string, m *member, publisher int, seq int64) {
	pf.mu.Lock()
	defer pf.mu.Unlock()
	if len(pf.samples) < maxSamples {
		pf.samples = append(pf.samples, result.Fault{
			Kind: kind, Connection: int(m.connection), Room: int(m.room.number), Publisher: publisher, Sequence: seq,
		})
	}
}

// room proves that each of its members gets every message once, whole, and in one order.
//
// All members hear the same sequence, so it is kept once, in the log. A member is a position in it: its next delivery must
// equal the log's entry there, stamp against stamp, five words. That is all that a good delivery costs, and it finds
// whatever is lost, doubled, out of order or altered. Only what does not compare equal comes here (receive): the first
// delivery of each message, which goes into the log, and the faults. The place of the message in the log shows which fault it is.
//
// If the first member missed a message, the log lacks it. A member that receives the message later finds the log
// already beyond it: such a message is logged as an unordered entry, because its place is not known. It is narrowed down by those
// who receive it: behind what they had before, and before what they get next. Who contradicts the others has it out of
// order. A message whose successor of the same publisher has come is logged as unordered even before anybody received it,
// so that it is missed if nobody does.
//
// The first to receive a message decides its place. If the first was itself wrong, all others seem to be: at the end the
// smaller party is counted (finish).
//
// Members come and go. One that joins begins at the log's end, and its first delivery says where it stands; one that leaves
// has lost what it was passed over with until then, and nothing of what was on its way. One whose protocol gives back what it
// missed stays a member while it is away, and goes on where it was.
type room struct {
	proof      *proof
	number     int32
	publishers []uint32
	log        roomLog

	mu        sync.Mutex                 // guards what follows, and appending to the log
	unordered map[uint64]*unorderedEntry // by place in the log
	ranked    uint64                     // the rank of the next
	late      map[uint64]int             // place in the log: how many members got it behind its successor
	lateMore  int                        // counted when late is full
	faults    result.Faults              // those that are certain at once, and those of members that left
	expected  uint64                     // deliveries to the members that left
	ownLost   uint64                     // of them, lost to who had sent them
	missed    uint64                     // of them, what those members were told that they missed
	needed    result.History             // that would have spared all such words
	digest    uint64                     // of the log's order
	uncertain bool                       // the log's order is not what everybody heard
	members   int                        // of this agent
	epoch     uint32                     // how often it was joined when this agent had no member in it
	ended     bool                       // proof.expect was told
	whole     bool                       // everything that was sent was received by somebody
	gone      map[uint32]bool            // publishers whose last messages may never have been sent
}

func newRoom(p *proof, number int32, rooms int) *room {
	return &room{proof: p, number: number, log: newRoomLog(rooms), unordered: map[uint64]*unorderedEntry{}, late: map[uint64]int{}}
}

// member is the state of one connection in the proof. It is owned by the goroutine that reads the connection.
type member struct {
	room       *room
	next       uint64 // place in the room's log of the delivery that is expected
	start      uint64 // place from which on it should hear
	since      int64  // what was meant to leave before that, it need not hear as its first
	first      uint64 // place of the first entry that it received; valid where it has begun
	anomalies  *anomalies
	connection int32
	publisher  int32 // -1 for one that only listens
	begun      bool  // it has received something
	away       bool  // its connection has ended, and what is said meanwhile is to be given to it when it comes back
}

// anomalies is the state of a member that received something out of order. Members without anomalies do not have it.
type anomalies struct {
	missing      []gap    // passed over, below next; ascending
	early        []uint64 // places of unordered entries received, at next or above
	recent       []uint64 // unordered entries received when the next other entry was at: nothing else came since
	at           uint64
	unidentified int // received, but altered beyond recognition
	own          int // messages of its own that it was passed over with, due to it or not
	excused      int // from before it heard anything, and was due to
	lost         int // places below floor that were missing and are no longer remembered one by one
	floor        uint64
	left         int64     // when its connection ended last, of one that comes back
	rejoins      bool      // it was told so, and has received nothing since
	told         []toldGap // absences of which it was told that it missed something; ascending
}

// gap is a stretch of the log: [from, to).
type gap struct{ from, to uint64 }

// toldGap is an absence of which a client was told that not all that was said meanwhile is left: what is missing of it is no loss that
// the server kept to itself.
type toldGap struct {
	from, to uint64 // places in the room's log: where the client was, and the log's end when it was told
	back     int64  // when it was told
}

// has says whether the message at pos is one that the client was told it had missed. Of what others received only after it was told, e
// says when it was meant to leave; nil where the log no longer reaches back to it.
func (g toldGap) has(pos uint64, e *entry) bool {
	return pos >= g.from && (pos < g.to || e != nil && e.intended < g.back)
}

// unorderedEntry is what is known of a unordered entry's place: of the entries that do not unorderedEntry, those below after come before it,
// and those from before on come behind it.
type unorderedEntry struct {
	after, before uint64
	rank          uint64 // in the order in which unordered entries were first received; 0 for one that nobody has
	intended      int64
}
