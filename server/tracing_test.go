package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/grpcapi/apiproto"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/tracing/tracetest"
	"github.com/throng-chat/throng/server/ws"
)

// A trace that a caller samples.
const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
	traceparent  = "00-" + callersTrace + "-" + callersSpan + "-01"
)

// tracedTo exports all traces to a receiver.
func tracedTo(rc *tracetest.Receiver, oneIn int) func(*Config) {
	return func(c *Config) {
		c.API.Key = keyOf("all")
		c.Tracing = TracingConfig{Endpoint: rc.URL, OneIn: oneIn}
	}
}

// never is a share of which no test finds one.
const never = 1_000_000

// The trace of a caller goes on: the call, and the publication until the shards have written it.
func TestTheTraceOfACallGoesOnToItsPublication(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*Config, *chat.RoomOptions)
		events []string
	}{
		{"a room in memory", func(*Config, *chat.RoomOptions) {}, []string{"posted", "written"}},
		{"a chat room", func(_ *Config, o *chat.RoomOptions) { o.Kind = chat.ChatRoom }, []string{"posted", "written"}},
		{"a durable room", func(c *Config, o *chat.RoomOptions) { c.Engine, o.Durable = newFake(t).Start("a"), true }, []string{"committed", "posted", "written"}},
		{"a durable chat room", func(c *Config, o *chat.RoomOptions) {
			c.Engine, o.Durable, o.Kind = newFake(t).Start("a"), true, chat.ChatRoom
		}, []string{"committed", "posted", "written"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rc := tracetest.New(t)
			s := startServer(t, func(c *Config) {
				tracedTo(rc, never)(c)
				o := roomWithHistory("tea")
				tt.change(c, &o)
				c.Rooms = []chat.RoomOptions{o}
			})
			member := connectSDK(t, s, "")
			member.sendLine(`{"id":2,"subscribe":{"channel":"tea"}}`)
			member.line()
			if status, body := post(t, s, "/api/publish", `{"channel":"tea","data":{"id":"1","text":"hot"}}`, "X-API-Key", keyOf("all"), "traceparent", traceparent); status != http.StatusOK {
				t.Fatalf("got %d %s", status, body)
			}
			call, publication := rc.Await("api publish"), rc.Await("publication")
			if call.TraceID != callersTrace || call.Parent != callersSpan || call.Kind != "SPAN_KIND_SERVER" || call.Attributes["throng.api.key"] != "default" {
				t.Errorf("got the call %+v, want one in the trace of the caller", call)
			}
			if publication.TraceID != callersTrace || publication.Parent != call.ID || publication.Attributes["throng.room"] != "tea" ||
				publication.Attributes["throng.offset"] != "1" || !slices.Equal(publication.Events, tt.events) {
				t.Errorf("got the publication %+v, want one below the call with the events %v", publication, tt.events)
			}
		})
	}
}

// Each publication of a broadcast, and each call of a batch, has a span.
func TestEachCallOfABatchHasASpan(t *testing.T) {
	t.Parallel()
	rc := tracetest.New(t)
	s := startServer(t, tracedTo(rc, 1))
	if status, body := post(t, s, "/api/batch", `{"commands":[{"broadcast":{"channels":["a","b"],"data":1}},{"info":{}},{"presence":{}}]}`, "X-API-Key", keyOf("all")); status != http.StatusOK {
		t.Fatalf("got %d %s", status, body)
	}
	batch, broadcast, failed := rc.Await("api batch"), rc.Await("api broadcast"), rc.Await("api presence")
	if broadcast.Parent != batch.ID || failed.Parent != batch.ID || rc.Await("api info").Parent != batch.ID {
		t.Errorf("got %+v, want the calls below the batch", rc.Spans())
	}
	if failed.Attributes["throng.api.error"] != "107" || failed.Failure != "" {
		t.Errorf("got %+v, want error 107, which is no failure of the server", failed)
	}
	eventually(t, "two publications", func() bool { return len(rc.Named("publication")) == 2 })
	for _, p := range rc.Named("publication") {
		if p.Parent != broadcast.ID || len(p.Events) != 0 {
			t.Errorf("got %+v, want a publication without members below the broadcast", p)
		}
	}
}

// A trace goes on over gRPC, and from the program that embeds throng.
func TestTheTraceOfAGRPCCallGoesOn(t *testing.T) {
	t.Parallel()
	rc := tracetest.New(t)
	s := startGRPC(t, tracedTo(rc, never))
	ctx := metadata.AppendToOutgoingContext(within(t), "traceparent", traceparent)
	if _, err := apiproto.NewCentrifugoApiClient(dialGRPC(t, s, keyOf("all"), insecure.NewCredentials())).Publish(ctx, &apiproto.PublishRequest{Channel: "chat:tea", Data: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	if call := rc.Await("api publish"); call.TraceID != callersTrace || rc.Await("publication").Parent != call.ID {
		t.Errorf("got %+v, want the trace of the caller", rc.Spans())
	}
}

// A webhook request carries the trace that its span is in.
func TestAWebhookRequestCarriesItsTrace(t *testing.T) {
	t.Parallel()
	rc := tracetest.New(t)
	headers := make(chan http.Header, 10)
	a := startApplication(t, map[string]func(question) string{
		session.OnConnect: always(`{"result":{"user":"ann"}}`), session.OnPublish: always(`{"error":{"code":403,"message":"no"}}`),
	})
	handler := a.Config.Handler
	a.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers <- r.Header.Clone()
		handler.ServeHTTP(w, r)
	})
	s := startHooked(t, a, func(c *Config) {
		moderated(c)
		tracedTo(rc, 1)(c)
	})
	c := connectSDK(t, s, "")
	c.sendLine(`{"id":2,"subscribe":{"channel":"moderated"}}`)
	c.line()
	c.sendLine(`{"id":3,"publish":{"channel":"moderated","data":1}}`)
	c.line()
	c.conn.Close()
	for _, event := range []string{"connect", "publish", "disconnect"} {
		span, header := rc.Await("webhook "+event), <-headers
		if got, want := header.Get("traceparent"), "00-"+span.TraceID+"-"+span.ID+"-01"; got != want {
			t.Errorf("%s: got traceparent %q, want %q", event, got, want)
		}
		if span.Kind != "SPAN_KIND_CLIENT" || span.Attributes["throng.webhook.id"] != header.Get("webhook-id") {
			t.Errorf("%s: got %+v, want the ID %s", event, span, header.Get("webhook-id"))
		}
	}
	if got := rc.Await("webhook publish").Attributes["throng.webhook.result"]; got != "refused" {
		t.Errorf("got the result %q", got)
	}
}

// A client's publication begins a trace. A reload replaces the share.
func TestPublicationsOfClientsAreSampled(t *testing.T) {
	t.Parallel()
	rc := tracetest.New(t)
	s := startReloadable(t, tracedTo(rc, never))
	member := connectSDK(t, s.Server, "")
	publish := func(room string) {
		t.Helper()
		member.sendLine(`{"id":2,"subscribe":{"channel":%q}}`, room)
		member.line()
		member.sendLine(`{"id":3,"publish":{"channel":%q,"data":1}}`, room)
		member.line()
		member.line()
	}
	publish("before")
	s.mustChange(t, func(c *Config) { c.Tracing.OneIn = 1 })
	publish("after")
	if got := rc.Await("publication"); got.Parent != "" || got.Attributes["throng.room"] != "after" || !slices.Equal(got.Events, []string{"posted", "written"}) {
		t.Errorf("got %+v, want the one after the reload", got)
	}
}

// A message of a plain client begins a trace, in rooms of each kind.
func TestPublicationsOfPlainClientsAreSampled(t *testing.T) {
	t.Parallel()
	rc := tracetest.New(t)
	talk, durable, durableTalk := chatRoom("talk"), durableRoom("durable"), chatRoom("durable talk")
	durableTalk.Durable = true
	s := startServer(t, func(c *Config) {
		tracedTo(rc, 1)(c)
		c.Engine, c.OtherRooms = newFake(t).Start("a"), chat.RoomsOpen
		c.Rooms = []chat.RoomOptions{roomWithHistory("kept"), talk, durable, durableTalk}
	})
	for i, tt := range []struct {
		room, offset string
		events       []string
	}{
		{"none", "", []string{"posted", "written"}},
		{"kept", "1", []string{"posted", "written"}},
		{"talk", "1", []string{"posted", "written"}},
		{"durable", "1", []string{"committed", "posted", "written"}},
		{"durable talk", "1", []string{"committed", "posted", "written"}},
	} {
		c := dial(t, s, tt.room)
		c.send(ws.OpText, "hot")
		c.next()
		eventually(t, "the span of "+tt.room, func() bool { return len(rc.Named("publication")) == i+1 })
		if got := rc.Named("publication")[i]; got.Parent != "" || got.Attributes["throng.room"] != tt.room || got.Attributes["throng.bytes"] != "3" ||
			got.Attributes["throng.offset"] != tt.offset || !slices.Equal(got.Events, tt.events) {
			t.Errorf("got %+v, want room %q, offset %q, events %v", got, tt.room, tt.offset, tt.events)
		}
	}
}

// A graceful stop exports the spans that have ended.
func TestAStopExportsTheSpans(t *testing.T) {
	t.Parallel()
	rc := tracetest.New(t)
	t.Run("server", func(t *testing.T) {
		s := startServer(t, tracedTo(rc, 1))
		if err := s.Publish(within(t), "tea", 1); err != nil {
			t.Fatal(err)
		}
	}) // its end is a graceful stop
	if got := rc.Named("api publish"); len(got) != 1 {
		t.Errorf("got %+v after the stop, want the span of the call", rc.Spans())
	}
}

// A node that does not own the log of a room ends the span of a publication when the owner has answered.
func TestAPublicationThatTheOwnerOfTheRoomDoesHasASpan(t *testing.T) {
	t.Parallel()
	rc := tracetest.New(t)
	fake := newFake(t)
	var nodes []testNode
	for _, name := range []string{"a", "b", "c"} {
		n := testNode{engine: fake.Start(name)}
		n.Server = startServer(t, func(c *Config) {
			tracedTo(rc, 1)(c)
			c.Engine, c.Rooms = n.engine, []chat.RoomOptions{roomWithHistory("tea")}
			c.Cluster, c.Node, c.Peers, c.ClusterListen = "test", name, testPeers, testPeers[name[0]-'a']
		})
		nodes = append(nodes, n)
	}
	awaitOwners(t, nodes...)
	for _, n := range nodes {
		if err := n.Publish(within(t), "tea", 1); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a span of each node", func() bool { return len(rc.Named("publication")) == len(nodes) })
	var from, offsets []string
	for _, p := range rc.Named("publication") {
		from, offsets = append(from, p.Of["service.instance.id"]), append(offsets, p.Attributes["throng.offset"])
	}
	slices.Sort(from)
	slices.Sort(offsets)
	if got := strings.Join(from, " ") + " " + strings.Join(offsets, " "); got != "a b c 1 2 3" {
		t.Errorf("got the nodes and offsets %s", got)
	}
}
