package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/grpcapi/apiproto"
)

// startGRPC starts a server with the gRPC API.
func startGRPC(t *testing.T, change func(*Config)) *Server {
	t.Helper()
	return startServer(t, func(cfg *Config) {
		cfg.GRPCListen, cfg.API.Key = "127.0.0.1:0", keyOf("all")
		cfg.Rooms = []chat.RoomOptions{roomWithHistory("chat:*")}
		if change != nil {
			change(cfg)
		}
	})
}

// withKey sends an API key with each call.
type withKey string

func (k withKey) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "apikey " + string(k)}, nil
}

func (withKey) RequireTransportSecurity() bool { return false }

func dialGRPC(t *testing.T, s *Server, key string, over credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient(s.GRPCAddr().String(), grpc.WithTransportCredentials(over), grpc.WithPerRPCCredentials(withKey(key)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// within returns a context for the calls of a test.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

// A generated client of Centrifugo's service calls each method.
func TestTheGRPCAPIHasTheMethodsOfCentrifugo(t *testing.T) {
	t.Parallel()
	s := startGRPC(t, nil)
	api, ctx := apiproto.NewCentrifugoApiClient(dialGRPC(t, s, keyOf("all"), insecure.NewCredentials())), within(t)
	member := connectSDK(t, s, "")
	member.sendLine(`{"id":2,"subscribe":{"channel":"chat:tea"}}`)
	member.line()

	published, err := api.Publish(ctx, &apiproto.PublishRequest{Channel: "chat:tea", Data: []byte(`{"text":"a <b>"}`), Tags: map[string]string{"k": "v"}})
	if err != nil || published.Error != nil || published.Result.Offset != 1 || published.Result.Epoch == "" {
		t.Fatalf("publish: got %v, %v", published, err)
	}
	if got := member.line(); !strings.Contains(got, `"data":{"text":"a <b>"}`) || !strings.Contains(got, `"tags":{"k":"v"}`) {
		t.Errorf("got %s", got)
	}
	broadcast, err := api.Broadcast(ctx, &apiproto.BroadcastRequest{Channels: []string{"chat:tea", "", "chat:milk"}, Data: []byte("not JSON")})
	if err != nil || len(broadcast.GetResult().GetResponses()) != 3 || broadcast.Result.Responses[0].Result.Offset != 2 || broadcast.Result.Responses[1].GetError().GetCode() != 107 {
		t.Errorf("broadcast: got %v, %v", broadcast, err)
	}
	history, err := api.History(ctx, &apiproto.HistoryRequest{Channel: "chat:tea", Limit: -1, Since: &apiproto.StreamPosition{Offset: 0, Epoch: published.Result.Epoch}})
	if pubs := history.GetResult().GetPublications(); err != nil || len(pubs) != 2 || string(pubs[0].Data) != `{"text":"a <b>"}` || pubs[0].Tags["k"] != "v" || pubs[1].Offset != 2 || history.Result.Offset != 2 {
		t.Errorf("history: got %v, %v", history, err)
	}
	stats, err := api.PresenceStats(ctx, &apiproto.PresenceStatsRequest{Channel: "chat:tea"})
	if err != nil || stats.GetResult().GetNumClients() != 1 {
		t.Errorf("presence_stats: got %v, %v", stats, err)
	}
	presence, err := api.Presence(ctx, &apiproto.PresenceRequest{Channel: "chat:tea"})
	if err != nil || len(presence.GetResult().GetPresence()) != 1 {
		t.Errorf("presence: got %v, %v", presence, err)
	}
	for id, info := range presence.GetResult().GetPresence() {
		if info.Client != id {
			t.Errorf("presence: got %v of %s", info, id)
		}
	}
	channels, err := api.Channels(ctx, &apiproto.ChannelsRequest{Pattern: "chat:*"})
	if err != nil || channels.GetResult().GetChannels()["chat:tea"].GetNumClients() != 1 {
		t.Errorf("channels: got %v, %v", channels, err)
	}
	info, err := api.Info(ctx, &apiproto.InfoRequest{})
	if nodes := info.GetResult().GetNodes(); err != nil || len(nodes) != 1 || nodes[0].NumClients != 1 || nodes[0].NumSubs != 1 {
		t.Errorf("info: got %v, %v", info, err)
	}
	batch, err := api.Batch(ctx, &apiproto.BatchRequest{Commands: []*apiproto.Command{
		{Publish: &apiproto.PublishRequest{Channel: "chat:milk", Data: []byte("1")}}, {Info: &apiproto.InfoRequest{}}, {History: &apiproto.HistoryRequest{Channel: "other"}},
	}})
	if rs := batch.GetReplies(); err != nil || len(rs) != 3 || rs[0].GetPublish().GetOffset() != 2 || rs[1].GetInfo() == nil || rs[2].GetError().GetCode() != 108 {
		t.Errorf("batch: got %v, %v", batch, err)
	}
	removed, err := api.HistoryRemove(ctx, &apiproto.HistoryRemoveRequest{Channel: "chat:milk"})
	if err != nil || removed.Error != nil || removed.Result == nil {
		t.Errorf("history_remove: got %v, %v", removed, err)
	}
	for what, call := range map[string]func() (interface{ GetError() *apiproto.Error }, error){
		"subscribe": func() (interface{ GetError() *apiproto.Error }, error) {
			return api.Subscribe(ctx, &apiproto.SubscribeRequest{Channel: "chat:milk", User: "ann", Info: []byte(`{"a":1}`), Override: &apiproto.SubscribeOptionOverride{ForceRecovery: &apiproto.BoolValue{Value: true}}})
		},
		"unsubscribe": func() (interface{ GetError() *apiproto.Error }, error) {
			return api.Unsubscribe(ctx, &apiproto.UnsubscribeRequest{Channel: "chat:milk", User: "ann"})
		},
		"refresh": func() (interface{ GetError() *apiproto.Error }, error) {
			return api.Refresh(ctx, &apiproto.RefreshRequest{User: "ann", Expired: true})
		},
		"disconnect": func() (interface{ GetError() *apiproto.Error }, error) {
			return api.Disconnect(ctx, &apiproto.DisconnectRequest{User: "ann", Disconnect: &apiproto.Disconnect{Code: 4000, Reason: "test"}, Whitelist: []string{"x"}})
		},
	} {
		if reply, err := call(); err != nil || reply.GetError() != nil {
			t.Errorf("%s: got %v, %v", what, reply, err)
		}
	}
}

// Errors are those of the HTTP API, in the reply, or as a status if the caller wants that.
func TestTheGRPCAPIReturnsErrors(t *testing.T) {
	t.Parallel()
	s := startGRPC(t, nil)
	api, ctx := apiproto.NewCentrifugoApiClient(dialGRPC(t, s, keyOf("all"), insecure.NewCredentials())), within(t)
	reply, err := api.History(ctx, &apiproto.HistoryRequest{Channel: "other"})
	if err != nil || reply.GetError().GetCode() != 108 || !strings.Contains(reply.Error.Message, "history-size") {
		t.Errorf("got %v, %v", reply, err)
	}
	reply, err = api.History(metadata.AppendToOutgoingContext(ctx, "x-centrifugo-error-mode", "transport"), &apiproto.HistoryRequest{Channel: "other"})
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "history-size") {
		t.Errorf("transport: got %v, %v", reply, err)
	}
	if got, err := api.Subscribe(ctx, &apiproto.SubscribeRequest{Channel: "chat:tea", User: "ann", Session: "s"}); err != nil || got.GetError().GetCode() != 107 {
		t.Errorf("a field that throng does not have: got %v, %v", got, err)
	}
	var unknown apiproto.InfoResponse
	if err := dialGRPC(t, s, keyOf("all"), insecure.NewCredentials()).Invoke(ctx, "/centrifugal.centrifugo.api.CentrifugoApi/Connections", &apiproto.InfoRequest{}, &unknown); status.Code(err) != codes.Unimplemented {
		t.Errorf("a method that throng does not have: got %v", err)
	}
	big := &apiproto.PublishRequest{Channel: "chat:tea", Data: []byte(`"` + strings.Repeat("x", 2<<20) + `"`)}
	if got, err := api.Publish(ctx, big); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("too large: got %v, %v", got, err)
	}
}

// Keys and roles are those of the HTTP API. A wrong key is rejected before the message is read.
func TestTheGRPCAPIChecksTheKey(t *testing.T) {
	t.Parallel()
	s := startGRPC(t, func(cfg *Config) { cfg.APIKeys = []APIKey{{Name: "reports", Role: "read-only", Key: keyOf("reports")}} })
	ctx := within(t)
	for _, key := range []string{"", "wrong"} {
		api := apiproto.NewCentrifugoApiClient(dialGRPC(t, s, key, insecure.NewCredentials()))
		if got, err := api.Info(ctx, &apiproto.InfoRequest{}); status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "authorization: apikey KEY") {
			t.Errorf("%q: got %v, %v", key, got, err)
		}
		other := apiproto.NewThrongApiClient(dialGRPC(t, s, key, insecure.NewCredentials()))
		if got, err := other.Call(ctx, &apiproto.CallRequest{Method: "info"}); status.Code(err) != codes.Unauthenticated {
			t.Errorf("%q: got %v, %v", key, got, err)
		}
	}
	reports := apiproto.NewCentrifugoApiClient(dialGRPC(t, s, keyOf("reports"), insecure.NewCredentials()))
	if got, err := reports.Info(ctx, &apiproto.InfoRequest{}); err != nil || got.Error != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := reports.Publish(ctx, &apiproto.PublishRequest{Channel: "a", Data: []byte("1")}); err != nil || got.GetError().GetCode() != 103 {
		t.Errorf("read-only: got %v, %v", got, err)
	}
}

// The methods of throng are called by their names, with JSON.
func TestTheGRPCAPICallsMethodsByName(t *testing.T) {
	t.Parallel()
	s := startGRPC(t, nil)
	api, ctx := apiproto.NewThrongApiClient(dialGRPC(t, s, keyOf("all"), insecure.NewCredentials())), within(t)
	if got, err := api.Call(ctx, &apiproto.CallRequest{Method: "ban", Params: []byte(`{"user":"eve"}`)}); err != nil || got.Error != nil || string(got.Result) != "{}" {
		t.Errorf("ban: got %v, %v", got, err)
	}
	got, err := api.Call(ctx, &apiproto.CallRequest{Method: "moderation"})
	if err != nil || !json.Valid(got.GetResult()) || !strings.Contains(string(got.Result), `"eve"`) {
		t.Errorf("moderation: got %v, %v", got, err)
	}
	for _, tt := range []struct {
		method, params string
		code           uint32
	}{{"no_such", "{}", 104}, {"ban", `{"user"`, 107}, {"ban", "{}", 107}} {
		if got, err := api.Call(ctx, &apiproto.CallRequest{Method: tt.method, Params: []byte(tt.params)}); err != nil || got.GetError().GetCode() != tt.code {
			t.Errorf("%s %s: got %v, %v, want error %d", tt.method, tt.params, got, err, tt.code)
		}
	}
}

func TestTheGRPCAPIOverTLS(t *testing.T) {
	t.Parallel()
	cert, key := writePair(t, t.TempDir(), time.Now().Add(time.Hour))
	s := startGRPC(t, func(cfg *Config) { cfg.TLS.GRPC, cfg.TLS.Cert, cfg.TLS.Key = true, []string{cert}, []string{key} })
	over := credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	if got, err := apiproto.NewCentrifugoApiClient(dialGRPC(t, s, keyOf("all"), over)).Info(within(t), &apiproto.InfoRequest{}); err != nil || got.Error != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := apiproto.NewCentrifugoApiClient(dialGRPC(t, s, keyOf("all"), insecure.NewCredentials())).Info(within(t), &apiproto.InfoRequest{}); err == nil {
		t.Error("it serves without TLS")
	}
}

func TestTheGRPCPortIsChecked(t *testing.T) {
	t.Parallel()
	for says, change := range map[string]func(*Config){
		"grpc-listen = \"here\": must be": func(cfg *Config) { cfg.GRPCListen, cfg.API.Key = "here", keyOf("all") },
		"needs a key under [api]":         func(cfg *Config) { cfg.GRPCListen = "127.0.0.1:0" },
		"because grpc-listen is off":      func(cfg *Config) { cfg.TLS.GRPC = true },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if err := cfg.Validate(); !strings.Contains(fmt.Sprint(err), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
}
