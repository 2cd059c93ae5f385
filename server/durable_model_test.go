package server

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/wheel"
)

const (
	durableSeeds = 500
	durableSteps = 400 // of one seed; THRONG_MODEL_STEPS changes it
)

// The model of recovery with durable rooms: the same random steps, with a log that commits later or fails, kills of the process and restarts
// in between. A client receives the sequence of its room also over a restart, and what was acknowledged is in the history.
func TestRecoveryOfDurableRoomsIsExactOrReported(t *testing.T) {
	t.Parallel()
	steps, _ := stepsOf(durableSteps)
	first, seeds := modelSeeds(t, durableSeeds, true)
	did := map[string]int{}
	for seed := first; seed < first+uint64(seeds) && !t.Failed(); seed++ {
		runDurableModel(t, seed, steps, did)
	}
	checkCases(t, did, seeds, durableSeeds, []string{
		"restarted", "killed", "failed", "acknowledged", "rejected", "recovered", "recovered over a restart", "recovered, and had missed nothing",
		"recovered publications", "redacted", "cleared", "repeated", "trimmed", "told that it missed something",
		"imposed", "lifted", "ended before it began", "sanction of unknown outcome", "waited in slow mode",
	})
}

func runDurableModel(t *testing.T, seed uint64, steps int, did map[string]int) {
	m := newDurableModel(t, seed, did)
	for range steps {
		m.step()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	m.durable.faults(brokertest.Faults{})
	m.durable.restart(true)
	m.durable.sanctions.stop()
	if t.Failed() {
		t.Fatalf("seed %d", seed)
	}
}

// durableModel is the part of a recovery model that durable rooms need.
type durableModel struct {
	*recoveryModel
	cfg    Config
	fake   *brokertest.Fake
	node   broker.Engine
	texts  map[chat.StreamPosition]string // publications as they were first received or acknowledged
	acked  map[string]chat.StreamPosition // the newest acknowledged position of each room
	keys   map[string]ackedKey            // acknowledged, by key
	tried  map[string]wheel.Tick          // the first proposal with a key that may have been stored, and was not acknowledged
	before wheel.Tick                     // ticks of earlier starts
	starts int
	left   map[*modelClient]map[string]int // the start in which a client was in a room

	maxBytes int64 // of the log
	usesKeys bool

	sanctions *sanctionModel
}

// ackedKey is an acknowledged publication with a key.
type ackedKey struct {
	chat.StreamPosition
	tick wheel.Tick
}

// now returns the ticks of all starts.
func (d *durableModel) now() wheel.Tick { return d.before + d.sessions.Clock.Tick() - fanout.FirstTick }

func newDurableModel(t *testing.T, seed uint64, did map[string]int) *recoveryModel {
	cfg := DefaultConfig()
	cfg.MaxRooms = 10
	cfg.HistoryBytes = 60*(chat.PublicationOverhead+8) + 5*chat.HistoryOverhead
	for i, size := range []int{1, 2, 5, 30, 100} {
		o := chat.DefaultRoom()
		o.Pattern, o.HistorySize, o.HistoryTTL, o.Recovery, o.Durable = fmt.Sprint("room", i), size, 20*time.Second, true, true
		cfg.Rooms = append(cfg.Rooms, o)
	}
	d := &durableModel{
		cfg: cfg, fake: brokertest.New(brokertest.Options{Seed: seed}),
		texts: map[chat.StreamPosition]string{}, acked: map[string]chat.StreamPosition{}, keys: map[string]ackedKey{}, tried: map[string]wheel.Tick{},
		left: map[*modelClient]map[string]int{},
	}
	// Recent keys keep their records in the log, so a model has keys or a small log.
	if d.maxBytes = 8 << 10; seed%2 == 0 {
		d.maxBytes, d.usesKeys = 1<<20, true
	}
	m := modelOf(t, rand.New(rand.NewPCG(seed, 2)), nil)
	m.durable, m.did, d.recoveryModel = d, did, m
	for _, o := range cfg.Rooms {
		m.names = append(m.names, o.Pattern)
	}
	d.sanctions = newSanctionModel(d)
	d.start()
	return m
}

// start starts the process: its rooms come from the log.
func (d *durableModel) start() {
	d.starts++
	d.node = d.fake.Start("a")
	h := newHub(d.cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 2)
	h.Heartbeat = fanout.NewHeartbeat(&h.Core, d.cfg.PingInterval, d.cfg.PingTimeout)
	h.UseLog(home.Config{Engine: d.node, MaxBytes: d.maxBytes, Retry: 1}, nil)
	d.sessions = h
	d.heard = map[*fanout.Topic]map[*fanout.Member]*modelClient{}
	d.connectAll()
	d.fake.StepUntil(func() {
		for {
			err := h.Durable("").Open(context.Background())
			if err == nil {
				return
			}
		}
	})
	d.checkAcked()
	d.talk.started()
	if d.sanctions != nil {
		d.sanctions.start()
	}
}

// checkAcked checks that the history has all that was acknowledged, as far as it goes.
func (d *durableModel) checkAcked() {
	for room, at := range d.acked {
		pubs, now, _ := d.sessions.Read(room, nil, -1, 1<<20, false)
		if now.Epoch != at.Epoch || now.Offset < at.Offset {
			d.t.Errorf("%s is at %v after start %d, and %v was acknowledged", room, now, d.starts, at)
		}
		for i := range pubs {
			d.learn(room, &pubs[i], now.Epoch)
		}
	}
}

// learn checks a publication against what was received or acknowledged at its position.
func (d *durableModel) learn(room string, p *chat.Publication, epoch string) {
	at := chat.StreamPosition{Offset: p.Offset, Epoch: room + " " + epoch}
	text, known := d.texts[at]
	switch {
	case string(p.Data) == string(chat.Redacted):
		if !d.redacted[at] {
			d.t.Errorf("%v is redacted, and nobody did that", at)
		}
	case !known:
		d.texts[at] = string(p.Data)
	case text != string(p.Data):
		d.t.Errorf("%v is %q, and was %q", at, p.Data, text)
	}
}

// joined counts a recovery over a restart.
func (d *durableModel) joined(c *modelClient, room string, recovered bool) {
	if d.left[c] == nil {
		d.left[c] = map[string]int{}
	}
	if recovered && d.left[c][room] < d.starts {
		d.did["recovered over a restart"]++
	}
	d.left[c][room] = d.starts
}

// step does a step of the log or of the process, with a chance.
func (d *durableModel) step() bool {
	switch n := d.random.IntN(1000); {
	case n < 350:
		for range d.random.IntN(4) {
			d.fake.Step()
		}
		d.maintain()
	case n < 352:
		d.restart(true)
	case n < 354:
		d.restart(false)
	case n < 358:
		d.faults(brokertest.Faults{LoseAck: 0.3, Lose: 0.3})
	case n < 370:
		d.faults(brokertest.Faults{})
	case n < 390 && d.sanctions != nil:
		d.sanctions.step()
	default:
		return false
	}
	return true
}

func (d *durableModel) faults(f brokertest.Faults) { d.fake.Faults(f) }

// maintain does what the goroutine of the home would do.
func (d *durableModel) maintain() {
	if !d.sessions.Durable("").Due() {
		return
	}
	state, _ := d.sessions.Durable("").Status()
	if state == home.Failed {
		d.did["failed"]++
	} else {
		d.did["trimmed"]++
	}
	d.fake.StepUntil(func() { d.sessions.Durable("").Maintain(context.Background()) })
	if now, _ := d.sessions.Durable("").Status(); now == home.Ready { // an append may have failed meanwhile
		d.talk.reopened()
	}
}

// restart ends the process, with all commits or by a kill, and starts it again.
func (d *durableModel) restart(clean bool) {
	if clean {
		d.did["restarted"]++
		d.fake.Settle()
		for d.sessions.Durable("").Due() {
			d.maintain()
		}
		d.talk.stopping()
	} else {
		d.did["killed"]++
	}
	if d.sanctions != nil {
		d.sanctions.stop()
	}
	d.fake.Kill(d.node)
	d.before = d.now()
	d.start()
}

func (d *durableModel) publish(room, text string) {
	o := chat.PublishOptions{}
	if d.usesKeys && d.random.IntN(4) == 0 {
		o.IdempotencyKey = fmt.Sprint(room, d.random.IntN(50))
	}
	pub, _ := session.PublicationOf([]byte(text))
	key := o.IdempotencyKey
	tried, is := d.tried[key]
	if !is {
		tried = d.now()
		d.tried[key] = tried
	}
	d.sessions.Propose(d.sessions.RoomRef(room), pub, o, func(at chat.StreamPosition, e *chat.Rejection) {
		if e != nil {
			d.did["rejected"]++
			return
		}
		d.did["acknowledged"]++
		if first, repeated := d.keys[key]; repeated && first.StreamPosition == at {
			d.did["repeated"]++
			return
		} else if repeated && d.now() < first.tick+fanout.InTicks(5*time.Minute) {
			d.t.Errorf("key %q: acknowledged at %v, and before at %v; now it is %d", key, at, first, d.now())
		}
		if d.acked[room].Epoch == at.Epoch && d.acked[room].Offset >= at.Offset && key == "" {
			d.t.Errorf("%s: offset %d acknowledged after %v", room, at.Offset, d.acked[room])
		}
		if key != "" {
			d.keys[key] = ackedKey{at, tried}
			delete(d.tried, key)
			// An append with an unknown outcome may have stored another text with this key.
			d.acked[room] = chat.StreamPosition{Offset: max(at.Offset, d.acked[room].Offset), Epoch: at.Epoch}
			return
		}
		d.acked[room] = at
		pub.Offset = at.Offset
		d.learn(room, &pub, at.Epoch)
	})
}

func (d *durableModel) redact(what chat.Redaction) {
	at := chat.StreamPosition{Offset: what.Offset, Epoch: what.Channel + " " + what.Epoch}
	in := d.sessions.ProposeRedaction(what, nil, nil, func(_ chat.StreamPosition, e *chat.Rejection) {
		if e == nil {
			d.did["redacted"]++
		}
	})
	if in != nil {
		d.redacted[at] = true // perhaps
	}
}

func (d *durableModel) clear(room string) {
	d.sessions.ProposeClear(d.sessions.RoomRef(room), func(_ chat.StreamPosition, e *chat.Rejection) {
		if e == nil {
			d.did["cleared"]++
		}
	})
}
