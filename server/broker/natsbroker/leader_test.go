//go:build !nonats

package natsbroker

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/broker"
)

// silentLog returns a log whose storage does not answer appends. leader is the node that answers requests for its leader, requests their number.
func silentLog(t *testing.T, leader *atomic.Pointer[string], requests *atomic.Int32) *openLog {
	t.Helper()
	s := startNATS(t, func(o *server.Options) { o.JetStream = false })
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if _, err := conn.Subscribe("appends", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Subscribe("$JS.API.STREAM.INFO.LOG", func(m *nats.Msg) {
		requests.Add(1)
		text := fmt.Sprintf(`{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":"LOG","subjects":["appends"]},"cluster":{"leader":%q}}`, *leader.Load())
		if err := m.Respond([]byte(text)); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	i := newInstance(joinOptions(t))
	i.conn, i.js = conn, js
	e := &engine{options: i.options, logs: map[*openLog]struct{}{}, marks: map[string]mark{}}
	e.health.Store(&broker.Health{})
	stream, err := i.findStream(t.Context(), "LOG")
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLog(e, i, stream, "identity")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// An append that was sent to a leader that has died gets no answer. It must end when there is another leader, and not at the time limit of its caller. While
// the leader is slow, it stays open.
func TestAnAppendToALeaderThatHasDiedEnds(t *testing.T) {
	t.Parallel()
	a, none, b := "a", "", "b"
	var leader atomic.Pointer[string]
	var requests atomic.Int32
	leader.Store(&a)
	l := silentLog(t, &leader, &requests)
	result := make(chan error, 1)
	l.Append(0, []byte("record"), func(err error) { result <- err })
	for _, now := range []*string{&a, &none} {
		leader.Store(now)
		before := requests.Load()
		eventually(t, "requests for the leader", func() bool { return requests.Load() > before+2 })
		select {
		case err := <-result:
			t.Fatalf("the append has ended while the leader is %q: %v", *now, err)
		default:
		}
	}
	leader.Store(&b)
	if err := <-result; !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v after another node has become the leader, want ErrUnavailable", err)
	}
}
