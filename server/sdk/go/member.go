package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/centrifugal/centrifuge-go"
)

// Delays of the SDK, as those of the other drivers.
const (
	minDelay = 50 * time.Millisecond
	maxDelay = 500 * time.Millisecond
	timeout  = 30 * time.Second // the defaults of the SDK are too short for a machine that runs all drivers at once
)

// args are those of all commands.
type args struct {
	URL      string `json:"url"`
	Protobuf bool   `json:"protobuf"`
	Asks     bool   `json:"asks"` // for tokens

	Channel     string          `json:"channel"`
	Method      string          `json:"method"`
	Data        json.RawMessage `json:"data"`
	Limit       int32           `json:"limit"`
	Since       *position       `json:"since"`
	Reverse     bool            `json:"reverse"`
	Delta       bool            `json:"delta"`
	GetState    bool            `json:"getState"`
	Recoverable bool            `json:"recoverable"`
	Positioned  bool            `json:"positioned"`
	JoinLeave   bool            `json:"joinLeave"`

	Ask   int     `json:"ask"`
	Token *string `json:"token"`
}

type position struct {
	Offset uint64 `json:"offset"`
	Epoch  string `json:"epoch"`
}

func positionOf(at *centrifuge.StreamPosition) *position {
	if at == nil {
		return nil
	}
	return &position{at.Offset, at.Epoch}
}

// member is one client.
type member struct {
	name   string
	client *centrifuge.Client
	steps  chan func() // that may block; one after another

	asks  atomic.Int64
	asked sync.Map // for tokens: a chan *string by the number of each
}

func (m *member) emit(kind string, fields map[string]any) {
	event := map[string]any{"type": kind}
	maps.Copy(event, fields)
	tell(map[string]any{"member": m.name, "event": event})
}

// token asks the scenario for a token, of a connection if channel is empty.
func (m *member) token(channel string) (string, error) {
	answer := make(chan *string, 1)
	ask := int(m.asks.Add(1))
	m.asked.Store(ask, answer)
	fields := map[string]any{"ask": ask}
	if channel != "" {
		fields["channel"] = channel
	}
	m.emit("getToken", fields)
	if token := <-answer; token != nil {
		return *token, nil
	}
	return "", errors.New("no token to be had")
}

func (m *member) answer(a args) {
	if answer, asked := m.asked.LoadAndDelete(a.Ask); asked {
		answer.(chan *string) <- a.Token
	}
}

// open makes a client that does not connect yet.
func open(name string, a args) *member {
	m := &member{name: name, steps: make(chan func(), 100)}
	config := centrifuge.Config{
		MinReconnectDelay: minDelay, MaxReconnectDelay: maxDelay, ReadTimeout: timeout, WriteTimeout: timeout, HandshakeTimeout: timeout,
		EnableCompression: true,
	}
	if a.Asks {
		config.GetToken = func(centrifuge.ConnectionTokenEvent) (string, error) { return m.token("") }
	}
	create := centrifuge.NewJsonClient
	if a.Protobuf {
		create = centrifuge.NewProtobufClient
	}
	m.client = create(a.URL, config)
	m.listen()
	go func() {
		for step := range m.steps {
			step()
		}
	}()
	return m
}

// listen passes on what the client tells.
func (m *member) listen() {
	c := m.client
	c.OnConnecting(func(e centrifuge.ConnectingEvent) { m.emit("connecting", map[string]any{"code": e.Code}) })
	c.OnConnected(func(e centrifuge.ConnectedEvent) { m.emit("connected", map[string]any{"client": e.ClientID}) })
	c.OnDisconnected(func(e centrifuge.DisconnectedEvent) { m.emit("disconnected", map[string]any{"code": e.Code}) })
	c.OnError(func(e centrifuge.ErrorEvent) { m.emit("server-error", map[string]any{"code": codeOf(e.Error)}) })
	c.OnSubscribing(func(e centrifuge.ServerSubscribingEvent) {
		m.emit("server-subscribing", map[string]any{"channel": e.Channel})
	})
	c.OnSubscribed(func(e centrifuge.ServerSubscribedEvent) {
		m.emit("server-subscribed", map[string]any{"channel": e.Channel, "recovered": e.Recovered, "wasRecovering": e.WasRecovering, "position": positionOf(e.StreamPosition)})
	})
	c.OnUnsubscribed(func(e centrifuge.ServerUnsubscribedEvent) {
		m.emit("server-unsubscribed", map[string]any{"channel": e.Channel})
	})
	c.OnPublication(func(e centrifuge.ServerPublicationEvent) {
		m.emitPublication("server-publication", e.Channel, e.Publication)
	})
	c.OnJoin(func(e centrifuge.ServerJoinEvent) { m.emitInfo("server-join", e.Channel, e.ClientInfo) })
	c.OnLeave(func(e centrifuge.ServerLeaveEvent) { m.emitInfo("server-leave", e.Channel, e.ClientInfo) })
}

func (m *member) emitInfo(kind, channel string, info centrifuge.ClientInfo) {
	m.emit(kind, map[string]any{"channel": channel, "user": info.User, "client": info.Client})
}

func (m *member) emitPublication(kind, channel string, p centrifuge.Publication) {
	fields := map[string]any{"channel": channel, "data": json.RawMessage(p.Data)}
	if p.Offset > 0 {
		fields["offset"] = p.Offset
	}
	if p.Info != nil {
		fields["user"], fields["client"] = p.Info.User, p.Info.Client
	}
	if len(p.Tags) > 0 {
		fields["tags"] = p.Tags
	}
	m.emit(kind, fields)
}

// step does a command that changes the member.
func (m *member) step(command string, a args) error {
	switch command {
	case "connect":
		return m.client.Connect()
	case "disconnect":
		return m.client.Disconnect()
	case "subscribe":
		return m.subscribe(a)
	case "unsubscribe":
		if sub, ok := m.client.GetSubscription(a.Channel); ok {
			return sub.Unsubscribe()
		}
		return fmt.Errorf("no subscription to %q", a.Channel)
	}
	return fmt.Errorf("command %q is unknown", command)
}

func (m *member) subscribe(a args) error {
	config := centrifuge.SubscriptionConfig{
		MinResubscribeDelay: minDelay, MaxResubscribeDelay: maxDelay, Recoverable: a.Recoverable, Positioned: a.Positioned, JoinLeave: a.JoinLeave,
	}
	if a.Delta {
		config.Delta = centrifuge.DeltaTypeFossil
	}
	if a.Asks {
		config.GetToken = func(e centrifuge.SubscriptionTokenEvent) (string, error) { return m.token(e.Channel) }
	}
	if a.GetState {
		config.GetState = func(e centrifuge.SubscriptionGetStateEvent) (centrifuge.StreamPosition, error) {
			m.emit("getState", map[string]any{"channel": e.Channel})
			now, err := m.client.History(context.Background(), e.Channel, centrifuge.WithHistoryLimit(0))
			return centrifuge.StreamPosition{Offset: now.Offset, Epoch: now.Epoch}, err
		}
	}
	sub, err := m.client.NewSubscription(a.Channel, config)
	if err != nil {
		return err
	}
	emit := func(kind string, fields map[string]any) {
		fields["channel"] = a.Channel
		m.emit(kind, fields)
	}
	sub.OnSubscribing(func(e centrifuge.SubscribingEvent) { emit("subscribing", map[string]any{"code": e.Code}) })
	sub.OnSubscribed(func(e centrifuge.SubscribedEvent) {
		emit("subscribed", map[string]any{"recovered": e.Recovered, "wasRecovering": e.WasRecovering, "position": positionOf(e.StreamPosition)})
	})
	sub.OnUnsubscribed(func(e centrifuge.UnsubscribedEvent) { emit("unsubscribed", map[string]any{"code": e.Code}) })
	sub.OnPublication(func(e centrifuge.PublicationEvent) { m.emitPublication("publication", a.Channel, e.Publication) })
	sub.OnJoin(func(e centrifuge.JoinEvent) { m.emitInfo("join", a.Channel, e.ClientInfo) })
	sub.OnLeave(func(e centrifuge.LeaveEvent) { m.emitInfo("leave", a.Channel, e.ClientInfo) })
	sub.OnError(func(e centrifuge.SubscriptionErrorEvent) { emit("error", map[string]any{"code": codeOf(e.Error)}) })
	return sub.Subscribe()
}
