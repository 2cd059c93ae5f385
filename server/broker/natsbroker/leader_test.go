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
	"github.com/throng-chat/throng/server/testkit"
)

// storage is a storage of a log that answers as a test needs it.
type storage struct {
	leader   atomic.Pointer[string] // of the answers to requests for the leader
	requests atomic.Int32           // for the leader
	appends  chan *nats.Msg         // without an answer
	conn     *nats.Conn
}

// newStorage returns a storage with one record, and a log of it.
func newStorage(t *testing.T) (*storage, *openLog) {
	t.Helper()
	server := startNATS(t, func(o *server.Options) { o.JetStream = false })
	conn, err := nats.Connect(server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	st := &storage{conn: conn, appends: make(chan *nats.Msg, 10)}
	st.leader.Store(new(string))
	if _, err := conn.ChanSubscribe("appends", st.appends); err != nil {
		t.Fatal(err)
	}
	st.answer(t, "$JS.API.STREAM.INFO.LOG", func(m *nats.Msg) error {
		st.requests.Add(1)
		return m.Respond(fmt.Appendf(nil, `{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":"LOG","subjects":["appends"]},`+
			`"state":{"messages":1,"first_seq":1,"last_seq":1},"cluster":{"leader":%q}}`, *st.leader.Load()))
	})
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	i := newInstance(externalOptions(t, 3, server))
	i.conn, i.js = conn, js
	e := &engine{options: i.options, logs: map[*openLog]struct{}{}, marks: map[string]mark{}, missing: map[string]missing{}}
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
	return st, l
}

// answer answers the requests of a subject.
func (st *storage) answer(t *testing.T, subject string, f func(m *nats.Msg) error) {
	t.Helper()
	_, err := st.conn.Subscribe(subject, func(m *nats.Msg) {
		if err := f(m); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.conn.Flush(); err != nil {
		t.Fatal(err)
	}
}

// asks waits until the log has requested its leader so many times more.
func (st *storage) asks(t *testing.T, times int32) {
	t.Helper()
	before := st.requests.Load()
	testkit.Eventually(t, "request for the leader", func() bool { return st.requests.Load() >= before+times })
}

// An append that was sent to a leader that has died gets no answer. It must end when there is another leader, and not at the time limit of its caller. While
// the leader is slow, it stays open. A new log does not know its leader yet.
func TestAnAppendToALeaderThatHasDiedEnds(t *testing.T) {
	t.Parallel()
	st, l := newStorage(t)
	a, none, b := "a", "", "b"
	st.asks(t, 2)
	st.leader.Store(&a)
	st.asks(t, 1)
	result := make(chan error, 1)
	l.Append(1, []byte("record"), func(err error) { result <- err })
	for _, now := range []*string{&a, &none} {
		st.leader.Store(now)
		st.asks(t, 3)
		select {
		case err := <-result:
			t.Fatalf("the append has ended while the leader is %q: %v", *now, err)
		default:
		}
	}
	st.leader.Store(&b)
	if err := <-result; !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v after another node has become the leader, want ErrUnavailable", err)
	}
}
