package server

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

// sessions is what all sessions share beyond the chat: work off the loop, and what bounds it.
type sessions struct {
	*chat.Hub

	// Constant after newSessions.
	personalRooms bool
	maxRooms      int
	pingInterval  time.Duration
	clientPrefix  string // of this process's client ids
	tokens        *token.Verifier
	hooks         *hooks // nil for none

	complaint rate.Sometimes // of what tokens and the application ask for in vain

	heldCommands limiter.Budget // bytes of commands that wait for work off the loop

	replyRate limiter.Rate   // bytes of replies whose size the command does not bound, for one connection
	owed      limiter.Budget // bytes of long replies that are being made, or not read
	questions *questions

	answers   *workers // long answers in the making
	verifiers *workers // of tokens whose signatures take milliseconds
}

// sessionsConfig is what sessions are configured by.
type sessionsConfig struct {
	personalRooms bool
	maxRooms      int // of one connection
	pingInterval  time.Duration
	maxMessage    int // bytes
}

func newSessions(cfg sessionsConfig, h *chat.Hub, tokens *token.Verifier) *sessions {
	cores := len(h.Shards)
	s := &sessions{
		Hub:           h,
		personalRooms: cfg.personalRooms,
		maxRooms:      cfg.maxRooms,
		pingInterval:  cfg.pingInterval,
		clientPrefix:  randomWord(8),
		tokens:        tokens,
		complaint:     logqueue.EverySecond(),
		heldCommands:  limiter.Budget{Most: int64(max(maxHeld, fanout.MessagesInAll*cfg.maxMessage)), Share: 4},
		replyRate:     limiter.PerSecond(repliesFactor * h.MaxUnsent),
		owed:          limiter.Budget{Most: maxOwed, Share: 2},
		answers:       newWorkers(cores, maxAnswers, answerPatience),
		verifiers:     newWorkers(max(1, cores/2), maxVerifying, answerPatience),
	}
	s.questions = newQuestions(s.answers, &s.owed)
	return s
}

// open makes a connection of the SDK protocol out of a socket whose handshake is done: it is in no room.
func (h *sessions) open(nc *netpoll.Socket, source *chat.Address, e encoding, hello, early []byte) {
	c := &fanout.Conn{}
	s := newSession(c, h, source, e, early)
	h.NewConn(c, nc, s)
	s.poller = c.Poller()
	s.client = clientID(h.clientPrefix, c.Id)
	h.Wake(h.Welcome(c, nil, hello, nil))
}

// onTick is called on the heartbeat at each tick.
func (h *sessions) onTick(now time.Time, tick wheel.Tick) {
	h.Hub.OnTick(now, tick)
	h.relieveOwed(tick)
}

// tickOf is the deadline of a moment; 0 for the zero moment. One that is farther off than ticks count comes in 10 years.
func (h *sessions) tickOf(t time.Time) wheel.Tick {
	if t.IsZero() {
		return 0
	}
	return h.Clock.Tick() + fanout.InTicks(min(max(t.Sub(h.Clock.Today()), fanout.TickLength), maxMoment))
}

// clientID is a connection's id as clients know it: unique over processes, and no hint of how many there are.
func clientID(prefix string, id uint64) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(prefix), id))
	return hex.EncodeToString(sum[:16])
}

func randomWord(bytes int) string {
	word := make([]byte, bytes)
	rand.Read(word) // never fails (crypto/rand)
	return hex.EncodeToString(word)
}
