package server

import (
	"encoding/binary"
	"encoding/json"
	"go/ast"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/doctable"
	"github.com/throng-chat/throng/server/notify"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// docs/webhooks.md has every event.
func TestThePageOfWebhooksHasEveryEvent(t *testing.T) {
	t.Parallel()
	var onPage []string
	for _, row := range doctable.Rows(t, "webhooks.md", "event", "sent for an SDK client", "sent for a plain client", "reply") {
		onPage = append(onPage, codeNames(row[0])...)
	}
	doctable.Same(t, "events", onPage, session.AllEvents)
}

// docs/webhooks.md has every rpc method that throng answers itself.
func TestThePageOfWebhooksHasEveryMethodOfThrong(t *testing.T) {
	t.Parallel()
	onPage, sources := []string{}, []string{"redact"} // its condition is in the code of ownMethod
	for _, row := range doctable.Rows(t, "webhooks.md", "method of throng", "while") {
		onPage = append(onPage, codeNames(row[0])...)
	}
	eachNode(t, func(_ parsedSource, n ast.Node) {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return
		}
		if m, ok := lit.Type.(*ast.MapType); !ok || typeName(m.Value) != "rpcMethod" {
			return
		}
		for _, e := range lit.Elts {
			name, _ := literalOf(e.(*ast.KeyValueExpr).Key)
			sources = append(sources, name)
		}
	})
	doctable.Same(t, "methods", onPage, sources)
}

// sentFields collects the fields of the webhook requests, by event and by kind of client.
type sentFields struct {
	mu  sync.Mutex
	sdk map[string]map[string]bool
	all map[string]map[string]bool
}

func (f *sentFields) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var fields map[string]json.RawMessage
	if err != nil || json.Unmarshal(body, &fields) != nil {
		http.Error(w, "no request", http.StatusBadRequest)
		return
	}
	var event, protocol string
	if json.Unmarshal(fields["event"], &event) != nil || json.Unmarshal(fields["protocol"], &protocol) != nil {
		http.Error(w, "no event", http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, of := range []map[string]map[string]bool{f.sdk, f.all} {
		if of[event] == nil {
			of[event] = map[string]bool{}
		}
	}
	for name := range fields {
		f.all[event][name] = true
		if protocol != "plain" {
			f.sdk[event][name] = true
		}
	}
	io.WriteString(w, `{"result":{}}`)
}

// docs/webhooks.md has every field of the requests with the events that have it.
func TestThePageOfWebhooksHasEveryField(t *testing.T) {
	t.Parallel()
	sent := &sentFields{sdk: map[string]map[string]bool{}, all: map[string]map[string]bool{}}
	application := httptest.NewServer(sent)
	t.Cleanup(application.Close)
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.Webhooks.URL, c.Webhooks.Secret, c.Webhooks.Timeout = application.URL, hookSecret, 30*time.Second
		c.Webhooks.Events = session.AllEvents
		o := chat.DefaultRoom()
		o.PublishProxy = true
		c.Rooms = []chat.RoomOptions{o}
	})
	dial(t, s, "room")

	for _, data := range []string{`{"x":1}`, "\xff"} {
		c := dialSDK(t, s, "?format=protobuf")
		for _, one := range []*protocol.Command{
			{Id: 1, Connect: &protocol.ConnectRequest{
				Token: signed(map[string]any{"sub": "ann", "meta": map[string]any{"id": 7}}), Data: []byte(data), Name: "js", Version: "1",
				Subs: map[string]*protocol.SubscribeRequest{"news": {Recover: true}},
			}},
			{Id: 2, Subscribe: &protocol.SubscribeRequest{
				Channel: "room", Token: signed(map[string]any{"sub": "ann", "channel": "room"}), Data: []byte(data),
			}},
			{Id: 3, Publish: &protocol.PublishRequest{Channel: "room", Data: []byte(data)}},
			{Id: 4, Rpc: &protocol.RPCRequest{Method: "m", Data: []byte(data)}},
		} {
			b, err := one.MarshalCF()
			if err != nil {
				t.Fatal(err)
			}
			c.send(ws.OpBinary, string(append(binary.AppendUvarint(nil, uint64(len(b))), b...)))
		}
		since := s.sessions.Clock.Tick()
		eventually(t, "the last command to be handled", func() bool {
			sent.mu.Lock()
			defer sent.mu.Unlock()
			field := "data"
			if data == "\xff" {
				field = "b64data"
			}
			return sent.all[session.OnRPC][field] && s.sessions.Clock.Tick() > since+1
		})
		c.conn.Close()
	}
	s.sessions.Notices.Notify(&notify.Notification{User: "ann"})
	eventually(t, "the disconnect notification", func() bool {
		sent.mu.Lock()
		defer sent.mu.Unlock()
		return sent.all[session.OnDisconnect]["seconds"] && s.sessions.Hooks.Client.Waiting() == 0
	})

	onPage := map[string][]string{}
	for _, row := range doctable.Rows(t, "webhooks.md", "field", "type", "events", "meaning") {
		events := strings.Split(row[2], ", ")
		if row[2] == "all" {
			events = session.AllEvents
		}
		for _, event := range events {
			onPage[event] = append(onPage[event], codeNames(row[0])...)
		}
	}
	sent.mu.Lock()
	defer sent.mu.Unlock()
	for _, event := range session.AllEvents {
		doctable.SameOrNone(t, event+", fields", onPage[event], slices.Collect(maps.Keys(sent.sdk[event])))
		for name := range sent.all[event] {
			if !slices.Contains(onPage[event], name) {
				t.Errorf("%s of a plain client has the field %q, the page does not", event, name)
			}
		}
	}
	if !sent.all[session.OnConnect]["channels"] || !sent.all[session.OnSubscribe]["channel"] {
		t.Error("there was no request about the plain client")
	}
}
