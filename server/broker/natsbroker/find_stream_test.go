//go:build !nonats

package natsbroker

import (
	"context"
	"fmt"
	"strings"
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

// A node that starts for the first time finds the bucket of a table that another node has just created, without a leader.
func TestARequestForATableIsSentAgainSoon(t *testing.T) {
	t.Parallel()
	const answered = 4 // each fourth request
	s := startNATS(t, func(o *server.Options) { o.JetStream = false })
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	o := joinOptions(t)
	i := newInstance(o)
	t.Cleanup(func() { i.fail(nil) })
	i.conn = conn
	if i.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	table := newTable("words", &o, func(context.Context) (*instance, error) { return i, nil }, &tableDamage{})
	var requests atomic.Int32
	info := fmt.Sprintf(`{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":%q,"max_msgs_per_subject":1},"state":{}}`, table.stream())
	if _, err := conn.Subscribe("$JS.API.STREAM.INFO."+table.stream(), func(m *nats.Msg) {
		if requests.Add(1)%answered > 0 {
			return // no leader
		}
		if err := m.Respond([]byte(info)); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	const end = "the watch has begun"
	if _, err := conn.Subscribe("$JS.API.CONSUMER.CREATE.>", func(m *nats.Msg) {
		if err := m.Respond([]byte(`{"type":"io.nats.jetstream.api.v1.consumer_create_response","error":{"code":400,"err_code":1,"description":"` + end + `"}}`)); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := table.Watch(t.Context(), nil); err == nil || !strings.Contains(err.Error(), end) || requests.Load() < 2*answered {
		t.Fatalf("got %v after %d requests, want the watch after request %d", err, requests.Load(), 2*answered)
	}
}
