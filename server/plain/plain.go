package plain

import (
	"net/netip"
	"time"

	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/ws"
)

// Client is a client of /ws: a member of one room, in which it publishes each message that it sends.
type Client struct {
	fanout.Conn

	// Constant once the shard knows it.
	source *chat.Address // nil if addresses are not counted
	member fanout.Member

	// Owned by the poller.
	messages     limiter.Meter
	roomMessages limiter.Meter // those that the limit of the room counts
}

// Opening is a connection whose handshake is done.
type Opening struct {
	Transport fanout.Transport
	Source    *chat.Address // the address that counts the connection; nil for none
	Room      string
	Reserved  *chat.Room     // the result of Hub.ReservePlain
	Window    deflate.Window // 0 without permessage-deflate
	Hello     []byte         // the response to the handshake, the first bytes to the client
	Early     []byte         // bytes that the client sent before the response
}

// Open makes a plain client of a connection whose handshake is done, and a member of its room (Hub.JoinPlain). The caller has reserved a
// place (Hub.Reserve).
func Open(h *chat.Hub, o Opening) {
	p := &Client{source: o.Source}
	p.member = fanout.Member{Conn: &p.Conn, At: -1}
	h.NewConn(&p.Conn, o.Transport, p)
	p.SetDeflate(o.Window != 0)
	h.JoinPlain(&p.member, o.Room, chat.PlainFormat.Compressed(o.Window), o.Reserved, o.Hello, o.Early)
}

func (p *Client) hub() *chat.Hub { return p.room().Stripe.Hub }

func (p *Client) room() *chat.Room { return chat.RoomOfMember(&p.member) }

// OnOpen and the methods below implement fanout.Handler.
func (p *Client) OnOpen() {}

func (p *Client) OnMessage(op ws.Opcode, b []byte, now time.Duration) {
	if !p.hub().Settings().MessageRate.Allow(&p.messages, now, 1) {
		p.rejectFlood("too many messages")
		return
	}
	p.publish(op, b, now)
}

// publish publishes a message in the client's room. It closes the client if permission, a size, a rate or slow mode does not allow the message.
func (p *Client) publish(op ws.Opcode, b []byte, now time.Duration) {
	hub, r := p.hub(), p.room()
	in := chat.RoomRef{Name: r.Name, Options: r.Options()}
	e := hub.Admit(chat.Actor{Member: true}, in, len(b))
	switch {
	case in.Options.PublishProxy, e != nil && e != chat.RejectLimit:
		p.Close(fanout.ClosedDenied, ws.ClosePolicy, publishDenial(in.Options))
	case e != nil:
		p.Close(fanout.ClosedTooBig, ws.CloseTooBig, "message too big for this room")
	case !limiter.PerSecond(in.Options.Rate).Allow(&p.roomMessages, now, 1):
		p.rejectFlood("too many messages for this room")
	default:
		p.publishSlowly(r, op, b)
	}
}

// publishSlowly publishes a message, unless slow mode does not allow it.
func (p *Client) publishSlowly(r *chat.Room, op ws.Opcode, b []byte) {
	hub := p.hub()
	var slow *chat.SlowModeCount
	if hub.Moderation.InSlowMode(r.Name) {
		var ok bool
		if slow, ok = hub.Moderation.AllowInSlowMode(chat.PublisherOf(&p.Conn, ""), r.Name); !ok {
			p.proposed(chat.StreamPosition{}, chat.RejectSlowMode)
			return
		}
	}
	fanout.AddTo(&p.ReceivedMessages, 1)
	if r.Options().Durable {
		hub.ProposePlain(r, op, b, slow, p.proposed)
		return
	}
	p.proposed(chat.StreamPosition{}, hub.PublishPlain(r, op, b))
}

// proposed closes the client if a publication was rejected by slow mode or a chat room, or was not stored in a durable room: the protocol has
// no reply for that.
func (p *Client) proposed(_ chat.StreamPosition, e *chat.Rejection) {
	switch {
	case e == nil:
	case e == chat.RejectSlowMode:
		p.rejectFlood("too many messages: this room is in slow mode")
	case e.Cause == chat.CauseInvalid, e.Cause == chat.CauseDenied:
		p.Close(fanout.ClosedDenied, ws.ClosePolicy, "this is a chat room: "+e.Detail)
	default:
		p.Close(fanout.ClosedUnavailable, ws.CloseTryLater, "a message was not stored: send it again later")
	}
}

// publishDenial returns the close text for a plain client that may not publish in its room, with the option that denies it and advice.
func publishDenial(o *chat.Options) string {
	switch {
	case o.Publish == chat.Nobody:
		return "only the application may publish in this room (publish): use the server API"
	case o.PublishProxy:
		return "plain clients may not publish in this room (publish-proxy): connect to " + chat.SessionPath
	}
	return "plain clients may not publish in this room (publish): connect to " + chat.SessionPath + " with a token"
}

func (p *Client) rejectFlood(what string) { p.End(fanout.ClosedRate, what) }

func (p *Client) OnUnread([]byte) {} // a plain client is never paused

func (p *Client) OnFlood(on bool) {
	if on {
		p.rejectFlood("too many bytes")
	}
}

func (p *Client) OnDeadline(bool) {} // no deadlines

func (p *Client) OnGap(*fanout.Audience) {} // no positioned membership

func (p *Client) OnClosing(ws.CloseCode, string) bool { return true }

func (p *Client) OnClosed() { p.Shard.Core.Leave(&p.Conn) }

func (p *Client) OnLeave() {
	hub := p.hub()
	hub.LeavePlain(&p.member)
	hub.ReleaseAddress(p.source)
}

func (p *Client) Timers() *fanout.Timers { return nil }

func (p *Client) PingFrame() []byte { return fanout.PingFrame }

func (p *Client) CloseFor(reason fanout.Reason, text string) (ws.CloseCode, string) {
	if reason == fanout.ClosedShutdown {
		return ws.CloseRestart, text
	}
	return ws.ClosePolicy, text
}

func (p *Client) LastFrame(code ws.CloseCode, text string) []byte {
	return fanout.CloseFrame(code, text)
}

func (p *Client) PublishesTo() *fanout.Audience { return p.member.Topic.Audience }

func (p *Client) OnJoined(*fanout.Member) {}

func (p *Client) OnLeft(*fanout.Member) {}

func (p *Client) Member(i int) *fanout.Member {
	if i == 0 {
		return &p.member
	}
	return nil
}

func (p *Client) Address() netip.Addr {
	if p.source != nil {
		return p.source.Key
	}
	return netip.Addr{}
}

// Codec encodes publications for plain clients: the data as it was published.
var Codec = chat.FormatCodec{
	Publication: func(_ string, p, _ *chat.Publication, _ *int) []byte { return fanout.EncodeFrame(plainData(p)) },
	Full:        chat.PlainFormat,
}

// plainData returns the opcode and the payload that plain clients receive of a publication.
func plainData(p *chat.Publication) (ws.Opcode, []byte) {
	switch p.Form {
	case chat.FormText:
		return ws.OpText, p.Data
	case chat.FormBytes:
		return ws.OpBinary, p.Data
	}
	if p.Data[0] == '"' {
		if text, err := cfjson.UnmarshalString(p.Data); err == nil {
			return ws.OpText, []byte(text)
		}
	}
	return ws.OpText, p.Data
}
