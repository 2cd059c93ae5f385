package home

import (
	"context"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/testkit"
)

// shortEngine is an engine whose next replays end after the first record.
type shortEngine struct {
	broker.Engine
	replays int
}

func (se *shortEngine) Open(ctx context.Context, shard int) (broker.Log, error) {
	l, err := se.Engine.Open(ctx, shard)
	return &shortLog{l, se}, err
}

type shortLog struct {
	broker.Log
	engine *shortEngine
}

func (sl *shortLog) Replay(ctx context.Context, after uint64, f func(seq uint64, record []byte) error) (last uint64, err error) {
	if sl.engine.replays > 0 {
		sl.engine.replays--
		return 1, nil
	}
	return sl.Log.Replay(ctx, after, f)
}

// A node of a cluster that answers without the newest records is asked again: they are lost only if that goes on.
func TestAnAnswerWithoutTheNewestRecordsIsNoLoss(t *testing.T) {
	for replays, lost := range map[int]int{shortReplays - 1: 0, shortReplays: 1} {
		fake := brokertest.New(brokertest.Options{Auto: true})
		t.Cleanup(fake.End)
		rooms := &counted{}
		owner, h := follower(t, fake, "a", &counted{}), follower(t, fake, "b", rooms)
		if err := owner.Lead(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.Heard(Owner{Node: "a", Term: 1}, 2)
		h.Maintain(t.Context())
		short := &shortEngine{h.cfg.Engine, replays}
		h.cfg.Engine = short
		h.mu.Lock()
		h.state = Failed
		h.failLocked(broker.ErrUnavailable)
		h.mu.Unlock()
		for h.Maintain(t.Context()) {
		}
		_, last, state := h.Position()
		if rooms.lost != lost || state != Following || short.replays != 0 || lost == 0 && last != 2 {
			t.Errorf("after %d short answers: %d losses, record %d, state %v, %d answers are left; want %d losses, and the state following", replays, rooms.lost, last, state, short.replays, lost)
		}
	}
}

// stuckEngine is an engine whose replays do not end before free is closed: the node that is asked does not answer.
type stuckEngine struct {
	broker.Engine
	asked, free chan struct{}
}

func (st *stuckEngine) Open(ctx context.Context, shard int) (broker.Log, error) {
	l, err := st.Engine.Open(ctx, shard)
	return &stuckLog{l, st}, err
}

type stuckLog struct {
	broker.Log
	engine *stuckEngine
}

func (sl *stuckLog) Replay(ctx context.Context, after uint64, f func(seq uint64, record []byte) error) (last uint64, err error) {
	select {
	case sl.engine.asked <- struct{}{}:
	default:
	}
	<-sl.engine.free
	return sl.Log.Replay(ctx, after, f)
}

// The goroutine that receives records also receives the heartbeats of all nodes. A replay that waits for another node does not stop it.
func TestARecordDoesNotWaitForAReplay(t *testing.T) {
	fake := brokertest.New(brokertest.Options{Auto: true})
	t.Cleanup(fake.End)
	rooms := &counted{}
	owner, h := follower(t, fake, "a", &counted{}), follower(t, fake, "b", rooms)
	if err := owner.Lead(t.Context()); err != nil {
		t.Fatal(err)
	}
	stuck := &stuckEngine{h.cfg.Engine, make(chan struct{}, 1), make(chan struct{})}
	h.cfg.Engine = stuck
	h.mu.Lock()
	h.state = Following
	h.log = &stuckLog{h.log, stuck}
	h.mu.Unlock()
	h.Heard(Owner{Node: "a", Term: 1}, 1)
	replayed := make(chan struct{})
	go func() {
		defer close(replayed)
		h.catchUp(t.Context())
	}()
	<-stuck.asked
	applied := make(chan struct{})
	go func() {
		defer close(applied)
		h.Apply(3, nil)
	}()
	select {
	case <-applied: // although the replay has not ended
	case <-time.After(testkit.Timeout):
		t.Error("a record waits for a replay")
	}
	close(stuck.free)
	<-applied
	<-replayed
	if h.mu.Lock(); !h.isBehind() || len(h.behind) == 0 {
		t.Error("the record that arrived during the replay is not read afterwards")
	}
	h.mu.Unlock()
}
