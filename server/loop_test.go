package server

import (
	"fmt"
	"testing"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// holdPoller keeps a poller busy from the moment at which begun is closed until release is called.
func holdPoller(p *fanout.Poller) (begun chan struct{}, release func()) {
	begun, released := make(chan struct{}), make(chan struct{})
	p.Post(func() {
		close(begun)
		<-released
	})
	return begun, func() { close(released) }
}

// nbio applies an event to the connection that has its descriptor at that time. If a descriptor is closed and reused while its hang-up is among
// the fetched events, the hang-up of the old client would close the new one.
func TestAHangUpClosesNoOtherConnection(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	gone := dial(t, s, "old")
	gone.send(ws.OpText, "here")
	gone.expect(ws.OpText, "here")
	var old *fanout.Conn
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, c := range sh.Conns {
			old = c
		}
	})
	p := old.Poller()

	// While the poller is held, its wake-up and then the hang-up become ready: it fetches both at once, in that order.
	begun, release := holdPoller(p)
	<-begun
	inBatch, goOn := holdPoller(p)
	if err := gone.conn.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the hang-up to arrive", func() bool { return old.Transport.HungUp() })
	release()
	<-inBatch

	old.Abort(fanout.ClosedAbnormally)
	var newcomers []*client
	for i := range 16 { // enough that one of them gets the descriptor if it is free
		newcomers = append(newcomers, dial(t, s, fmt.Sprint("new", i)))
	}
	goOn()
	for _, c := range newcomers {
		c.send(ws.OpText, "still here")
		c.expect(ws.OpText, "still here")
	}
	eventually(t, "the old connection to be removed", func() bool { return s.sessions.Live.Load() == int64(len(newcomers)) })
}
