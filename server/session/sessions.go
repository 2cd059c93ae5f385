package session

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/wheel"
)

// Sessions is what all sessions share beyond the chat: work off the loop, and what bounds it.
type Sessions struct {
	*chat.Hub

	// Constant after New.
	personalRooms bool
	maxRooms      int
	pingInterval  time.Duration
	clientPrefix  string // of this process's client ids
	Tokens        *token.Verifier
	Hooks         *Hooks // nil for none

	// onCommands deals with the commands of a frame that are behind one that the session waited for (wait.go).
	onCommands func(s *Session, frame []byte, now time.Duration)

	complaint rate.Sometimes // of what tokens and the application ask for in vain

	HeldCommands limiter.Budget // bytes of commands that wait for work off the loop

	ReplyRate limiter.Rate   // bytes of replies whose size the command does not bound, for one connection
	Owed      limiter.Budget // bytes of long replies that are being made, or not read
	Questions *questions

	Answers   *workers // long answers in the making
	Verifiers *workers // of tokens whose signatures take milliseconds
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
	return all.Clock.Tick() + fanout.InTicks(min(max(t.Sub(all.Clock.WallNow()), fanout.TickLength), MaxMoment))
}

// OwedGrace is the time that a reader of a long reply has, before it has to make room for others.
const OwedGrace = 2 * time.Second

// RelieveOwed makes room where long replies take more than half of what they may: the readers that are furthest behind are closed, on
// each shard. All have had owedGrace. Called on the heartbeat.
func (all *Sessions) RelieveOwed(now wheel.Tick) {
	tooMuch := func() bool { return all.Owed.Used.Load() > all.Owed.Most/2 }
	if !tooMuch() {
		return
	}
	all.CloseSlowBulkReaders(now-fanout.InTicks(OwedGrace), tooMuch)
}
