package agent

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/throng-chat/throng/bench/result"
)

// deliveryCheck is the delivery check of an agent: every member of a room must receive every message once, unaltered, and in one order.
// Each room keeps its own part of the state (room.go).
type deliveryCheck struct {
	// Constant.
	run     uint32
	size    int
	filler  filler
	noEcho  bool
	agents  int
	agent   int
	rooms   []*room
	roomOf  []int32         // by publisher
	sent    []atomic.Uint32 // by publisher: number of messages whose send has begun; unknown for another agent's publisher until finish
	publics []places        // by publisher; guarded by the lock of its room

	mu      sync.Mutex
	samples []result.Fault
}

const maxSamples = 20 // faults that are listed one by one

// unknown stands for a count that another agent reports at the end.
const unknown = math.MaxUint32

// grace is the time after its opening in which a connection may miss messages, in nanoseconds: some servers answer the handshake before
// they add the client to its room. After its first delivery it must receive every message.
const grace = 1e9

// newDeliveryCheck returns the delivery check of the agent that has the plan.
func newDeliveryCheck(plan *Plan) *deliveryCheck {
	roomOf := plan.RoomOf[:plan.Publishers]
	p := &deliveryCheck{
		run: plan.Run, size: plan.Size, filler: newFiller(plan.Size-StampSize, plan.Compress), noEcho: plan.NoEcho, agent: plan.Agent, agents: plan.Agents,
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

// own reports whether a connection is this agent's.
func (dc *deliveryCheck) own(connection int) bool { return connection%dc.agents == dc.agent }

func (dc *deliveryCheck) sample(kind string, m *member, publisher int, seq int64) {
	dc.mu.Lock()
	defer dc.mu.Unlock()
	if len(dc.samples) < maxSamples {
		dc.samples = append(dc.samples, result.Fault{
			Kind: kind, Connection: int(m.connection), Room: int(m.room.number), Publisher: publisher, Sequence: seq,
		})
	}
}

// room checks that each of its members receives every message once, unaltered, and in one order.
//
// All members receive the same sequence, so it is stored once, in the log. A member is a position in the log: its next delivery must equal
// the entry there. That is a comparison of two stamps, five words. It is the whole cost of a correct delivery, and it finds every message
// that is lost, duplicated, out of order or altered. Only a delivery that does not compare equal comes here (receive): the first delivery
// of each message, which is added to the log, and the faults. The place of the message in the log shows the kind of fault.
//
// If the first member missed a message, the log lacks it. A member that receives the message later finds that the log is already beyond it.
// Such a message is logged as an unordered entry, because its place is not known. Each member that receives it narrows the place down:
// after the member's previous message, and before its next one. A member that contradicts the others received it out of order. If the next
// message of the same publisher arrives first, the message is logged as unordered before any member receives it. So it is missed if no
// member receives it.
//
// The first member that receives a message decides its place. If that member was wrong, all others seem to be wrong: at the end the smaller
// group is counted (finish).
//
// A member that joins begins at the end of the log, and its first delivery that others have received as well gives its position. A member that leaves has lost the messages
// that it missed until then; messages in flight do not count. If the protocol recovers missed messages, the member stays while its client
// is away, and continues at its position.
type room struct {
	check      *deliveryCheck
	number     int32
	publishers []uint32
	log        roomLog

	mu          sync.Mutex                 // guards the fields below, and appending to the log
	unordered   map[uint64]*unorderedEntry // by place in the log
	ranked      uint64                     // number of ranks assigned
	late        map[uint64]int             // by place in the log: number of members that received it after its successor
	lateMore    int                        // what does not fit into late
	faults      result.Faults              // faults that are certain at once, and those of members that left
	expected    uint64                     // deliveries due to the members that left
	ownLost     uint64                     // own messages that the members that left did not receive
	missed      uint64                     // deliveries that the server reported as missed to the members that left
	needed      result.History             // the history that would have avoided all reported gaps
	digest      uint64                     // of the log's order
	uncertain   bool                       // members may have received another order than the log's
	members     int                        // of this agent
	anchors     int                        // members that are at a known place of the log
	epoch       uint32                     // number of joins while this agent had no other member in the room
	ended       bool                       // all publishers have sent their last message
	allReceived bool                       // each sent message was received by at least one member
	gone        map[uint32]bool            // publishers whose last messages may not have reached the server
}

func newRoom(p *deliveryCheck, number int32, rooms int) *room {
	return &room{check: p, number: number, log: newRoomLog(rooms), unordered: map[uint64]*unorderedEntry{}, late: map[uint64]int{}}
}

// member is the state of one connection in the delivery check. It is owned by the goroutine that reads the connection.
type member struct {
	room       *room
	next       uint64 // place in the log of the next expected delivery
	start      uint64 // place in the log from which on deliveries are due
	since      int64  // messages scheduled before that time may be missing before the first delivery
	first      uint64 // place of the first received entry; valid if begun
	anomalies  *anomalies
	connection int32
	publisher  int32 // -1 for a connection that does not publish
	begun      bool  // it has received a message
	anchored   bool  // counted in room.anchors; guarded by the lock of the room
	away       bool  // its connection has ended, and it will recover the messages sent meanwhile
}

// anomalies is the state of a member that missed messages or received some out of order. Other members do not have it.
type anomalies struct {
	missing      []gap        // places below next that were skipped; ascending
	held         []stampWords // received by a new member, and without a place yet
	early        []uint64     // places of unordered entries received, at or above next
	recent       []uint64     // unordered entries received in a row when next was at
	at           uint64
	unidentified int // messages received, but altered beyond recognition
	own          int // own messages that were skipped, due or not
	excused      int // messages that were not due: sent before the first delivery
	lost         int // missing places below floor, which are only counted
	floor        uint64
	left         int64         // time at which its last connection ended, if it returns
	rejoins      bool          // the server has reported a gap, and no message has arrived since
	reported     []reportedGap // gaps that the server reported; ascending
}

// gap is a range of the log: [from, to).
type gap struct{ from, to uint64 }

// reportedGap is an absence after which the server reported that it cannot recover all messages. The missing ones do not count as lost.
type reportedGap struct {
	from, to uint64 // places in the room's log: the client's position, and the end of the log at the report
	back     int64  // time of the report
}

// has reports whether the gap includes the message at pos. Other members may have received such a message only after the report: then its
// scheduled time in e decides. e is nil if the log has forgotten the entry.
func (g reportedGap) has(pos uint64, e *entry) bool {
	return pos >= g.from && (pos < g.to || e != nil && e.intended < g.back)
}

// unorderedEntry is what is known about the place of an unordered entry among the ordered entries: it comes after those below after, and
// before those from before on.
type unorderedEntry struct {
	after, before uint64
	rank          uint64 // in the order of first receipt; 0 if not received yet
	intended      int64
}
