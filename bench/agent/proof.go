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
