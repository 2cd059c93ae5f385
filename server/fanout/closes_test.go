package fanout

import (
	"fmt"
	"testing"

	"github.com/throng-chat/throng/server/ws"
)

// named is a client with a description.
type named struct {
	echoClient
	is Description
}

func (n *named) Describe() Description { return n.is }

func TestTheLastClosesAreKept(t *testing.T) {
	t.Parallel()
	e := newTestEngine(Config{MaxUnsent: 1 << 20})
	e.Heartbeat = NewHeartbeat(&e.Core, 1e9, 1e9)
	if got := e.LastCloses(); len(got) != 0 {
		t.Errorf("got %v before a close, want none", got)
	}
	ours, theirs := tcpPair(t)
	defer theirs.Close()
	transport := overTCP(t, ours)
	for i := range closesKept + 3 {
		n := &named{is: Description{User: fmt.Sprint("user ", i), Code: ws.ClosePolicy, Text: "why"}}
		e.NewConn(&n.conn, transport, n)
		n.conn.SetReason(ClosedRate)
		e.Leave(&n.conn)
		e.Leave(&n.conn) // counts once
	}
	got := e.LastCloses()
	if len(got) != closesKept {
		t.Fatalf("got %d closes, want %d", len(got), closesKept)
	}
	first, last := got[0], got[closesKept-1]
	if first.User != fmt.Sprint("user ", closesKept+2) || first.Code != ws.ClosePolicy || first.Text != "why" || first.Reason != ClosedRate || first.Address != theirs.LocalAddr().String() {
		t.Errorf("got %+v first, want the last one that was closed", first)
	}
	if last.User != "user 3" || last.ID >= first.ID {
		t.Errorf("got %+v last, want user 3", last)
	}
}
