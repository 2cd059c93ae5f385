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

// silentInstance returns an instance of a server without JetStream: the requests of the instance get the answers that the test gives.
func silentInstance(t *testing.T) *instance {
	t.Helper()
	s := startNATS(t, func(o *server.Options) { o.JetStream = false })
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	i := newInstance(joinOptions(t))
	t.Cleanup(func() { i.fail(nil) })
	i.conn = conn
	if i.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	return i
}

// While a stream has no leader, nobody answers the requests for it, and an election takes seconds. The leader must receive a request soon after it.
func TestARequestForAStreamIsSentAgainSoon(t *testing.T) {
	t.Parallel()
	const unanswered = 8
	i := silentInstance(t)
	var requests atomic.Int32
	if _, err := i.conn.Subscribe("$JS.API.STREAM.INFO.LOG", func(m *nats.Msg) {
		if requests.Add(1) < unanswered {
			return // no leader
		}
		if err := m.Respond([]byte(`{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":"LOG"},"state":{}}`)); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := i.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	stream, err := i.findStream(t.Context(), "LOG")
	if err != nil || stream.CachedInfo().Config.Name != "LOG" || requests.Load() < unanswered {
		t.Fatalf("got %v after %d requests, want the stream after request %d", err, requests.Load(), unanswered)
	}
}

// A node that starts for the first time finds the bucket of a table that another node has just created, without a leader.
func TestARequestForATableIsSentAgainSoon(t *testing.T) {
	t.Parallel()
	const answered = 4 // each fourth request
	i := silentInstance(t)
	table := newTable("words", &i.options, func(context.Context) (*instance, error) { return i, nil }, &tableDamage{})
	var requests atomic.Int32
	info := fmt.Sprintf(`{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":%q,"max_msgs_per_subject":1},"state":{}}`, table.stream())
	if _, err := i.conn.Subscribe("$JS.API.STREAM.INFO."+table.stream(), func(m *nats.Msg) {
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
	if _, err := i.conn.Subscribe("$JS.API.CONSUMER.CREATE.>", func(m *nats.Msg) {
		if err := m.Respond([]byte(`{"type":"io.nats.jetstream.api.v1.consumer_create_response","error":{"code":400,"err_code":1,"description":"` + end + `"}}`)); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := i.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := table.Watch(t.Context(), nil); err == nil || !strings.Contains(err.Error(), end) || requests.Load() < 2*answered {
		t.Fatalf("got %v after %d requests, want the watch after request %d", err, requests.Load(), 2*answered)
	}
}
