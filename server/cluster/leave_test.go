package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/cluster/member"
)

// leadingEngine is an engine whose node leads the storage of a log, and fails to make another node the leader.
type leadingEngine struct {
	broker.Engine
	asked int
}

func (le *leadingEngine) StepDown(context.Context) error {
	le.asked++
	return errors.New("nobody is elected")
}

// A node that stops has stored what it has accepted, although no other node is elected as the leader of the storage: that is no error. Without a majority,
// it does not wait for an election.
func TestAStopIsNoErrorWithoutAnotherLeader(t *testing.T) {
	t.Parallel()
	for _, majority := range []bool{true, false} {
		var l lines
		n := newNode("a")
		le := &leadingEngine{Engine: n.cfg.Engine}
		n.cfg.Engine, n.cfg.Log, n.majority, n.ready = le, l.logger(), majority, true
		if err := n.HandOver(t.Context()); err != nil {
			t.Errorf("majority %t: got %v", majority, err)
		}
		if got := l.took(); le.asked == 1 != majority || strings.Contains(got, "level=INFO msg=\"this node still leads the storage") != majority {
			t.Errorf("majority %t: asked for an election %d times, and got the lines %q", majority, le.asked, got)
		}
	}
}

// A node that loses the majority because all nodes stop, itself as well, logs no error.
func TestANodeThatStopsDoesNotReportALostMajority(t *testing.T) {
	t.Parallel()
	for _, leaving := range []bool{false, true} {
		var l lines
		n := newNode("a")
		n.cfg.Log, n.ready, n.leaving = l.logger(), true, leaving
		n.table.Hear(member.Heartbeat{Name: "b", ID: "b-1", Ready: true}, time.Minute)
		n.checkMajority(time.Minute)
		n.table.Hear(member.Heartbeat{Name: "b", ID: "b-1", Leaving: true}, time.Minute)
		n.checkMajority(time.Minute)
		if got := l.took(); strings.Contains(got, "level=ERROR") == leaving {
			t.Errorf("leaving %t: got the lines %q", leaving, got)
		}
	}
}
