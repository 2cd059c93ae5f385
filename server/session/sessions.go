package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/wheel"
)

// Sessions is what all sessions share beyond the chat: work off the loop, and what bounds it.
type Sessions struct {
	*chat.Hub

	// Constant after newSessions.
	personalRooms bool
	maxRooms      int
	pingInterval  time.Duration
	clientPrefix  string // of this process's client ids
	Tokens        *token.Verifier
	Hooks         *Hooks // nil for none

	complaint rate.Sometimes // of what tokens and the application ask for in vain

	HeldCommands limiter.Budget // bytes of commands that wait for work off the loop

	ReplyRate limiter.Rate   // bytes of replies whose size the command does not bound, for one connection
	Owed      limiter.Budget // bytes of long replies that are being made, or not read
	Questions *questions

	Answers   *workers // long answers in the making
	Verifiers *workers // of tokens whose signatures take milliseconds
}

// Config is what sessions are configured by.
type Config struct {
	PersonalRooms bool
	MaxRooms      int // of one connection
	PingInterval  time.Duration
	MaxMessage    int // bytes
}

func New(cfg Config, h *chat.Hub, tokens *token.Verifier) *Sessions {
	cores := len(h.Shards)
	s := &Sessions{
		Hub:           h,
		personalRooms: cfg.PersonalRooms,
		maxRooms:      cfg.MaxRooms,
		pingInterval:  cfg.PingInterval,
		clientPrefix:  RandomWord(8),
		Tokens:        tokens,
		complaint:     logqueue.EverySecond(),
		HeldCommands:  limiter.Budget{Most: int64(max(maxHeld, fanout.MessagesInAll*cfg.MaxMessage)), Share: 4},
		ReplyRate:     limiter.PerSecond(repliesFactor * h.MaxUnsent),
		Owed:          limiter.Budget{Most: MaxOwed, Share: 2},
		Answers:       NewWorkers(cores, maxAnswers, answerPatience),
		Verifiers:     NewWorkers(max(1, cores/2), MaxVerifying, answerPatience),
	}
	s.Questions = newQuestions(s.Answers, &s.Owed)
	return s
}

// Open makes a connection of the SDK protocol out of a socket whose handshake is done: it is in no room.
func (all *Sessions) Open(nc *netpoll.Socket, source *chat.Address, e Encoding, hello, early []byte) {
	c := &fanout.Conn{}
	s := newSession(c, all, source, e, early)
	all.NewConn(c, nc, s)
	s.Poller = c.Poller()
	s.Client = clientID(all.clientPrefix, c.Id)
	all.Wake(all.Welcome(c, nil, hello, nil))
}

// OnTick is called on the heartbeat at each tick.
func (all *Sessions) OnTick(now time.Time, tick wheel.Tick) {
	all.Hub.OnTick(now, tick)
	all.RelieveOwed(tick)
}

// TickOf is the deadline of a moment; 0 for the zero moment. One that is farther off than ticks count comes in 10 years.
func (all *Sessions) TickOf(t time.Time) wheel.Tick {
	if t.IsZero() {
		return 0
	}
	return all.Clock.Tick() + fanout.InTicks(min(max(t.Sub(all.Clock.Today()), fanout.TickLength), MaxMoment))
}

// clientID is a connection's id as clients know it: unique over processes, and no hint of how many there are.
func clientID(prefix string, id uint64) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(prefix), id))
	return hex.EncodeToString(sum[:16])
}

func RandomWord(bytes int) string {
	word := make([]byte, bytes)
	rand.Read(word) // never fails (crypto/rand)
	return hex.EncodeToString(word)
}
