//go:build !nonats

package natsbroker

import (
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// While a stream has no leader, nobody answers the requests for it, and an election takes seconds. The leader must receive a request soon after it.
func TestARequestForAStreamIsSentAgainSoon(t *testing.T) {
	t.Parallel()
	const unanswered = 8
	s := startNATS(t, func(o *server.Options) { o.JetStream = false })
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	var requests atomic.Int32
	if _, err := conn.Subscribe("$JS.API.STREAM.INFO.LOG", func(m *nats.Msg) {
		if requests.Add(1) < unanswered {
			return // no leader
		}
		if err := m.Respond([]byte(`{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":"LOG"},"state":{}}`)); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := (&instance{js: js}).findStream(t.Context(), "LOG")
	if err != nil || stream.CachedInfo().Config.Name != "LOG" || requests.Load() < unanswered {
		t.Fatalf("got %v after %d requests, want the stream after request %d", err, requests.Load(), unanswered)
	}
}
