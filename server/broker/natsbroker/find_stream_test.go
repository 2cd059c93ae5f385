//go:build !nonats

package natsbroker

import (
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The servers of a cluster that has just started have no leader, and do not answer the first request. The next one must not wait until a client gives up.
func TestARequestForAStreamIsSentAgainSoon(t *testing.T) {
	t.Parallel()
	s := startNATS(t, func(o *server.Options) { o.JetStream = false })
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	var requests atomic.Int32
	if _, err := conn.Subscribe("$JS.API.STREAM.INFO.LOG", func(m *nats.Msg) {
		if requests.Add(1) == 1 {
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
	if err != nil || stream.CachedInfo().Config.Name != "LOG" || requests.Load() < 2 {
		t.Fatalf("got %v after %d requests, want the stream after the second one", err, requests.Load())
	}
}
