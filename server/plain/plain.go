package plain

import (
	"net/netip"
	"time"

	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/ws"
)

// Client is a client of /ws: it is in one room, and what it sends is published there as it is.
type Client struct {
	fanout.Conn

	// Constant once the shard knows it.
	source *chat.Address // nil where addresses do not count
	place  fanout.Member

	// Owned by the poller.
	messages limiter.Meter
	inRoom   limiter.Meter // messages
}

// Open makes a plain client of a transport whose handshake is done, and a member of a room, as Hub.JoinPlain.
func Open(h *chat.Hub, t fanout.Transport, source *chat.Address, name string, seat *chat.Room, hello, early []byte) {
	p := &Client{source: source}
	p.place = fanout.Member{Conn: &p.Conn, At: -1}
	h.NewConn(&p.Conn, t, p)
	h.JoinPlain(&p.place, name, seat, hello, early)
}

func (p *Client) hub() *chat.Hub { return p.room().Stripe.Hub }

func (p *Client) room() *chat.Room { return chat.RoomOfMember(&p.place) }

func (p *Client) OnOpen() {}

func (p *Client) OnMessage(op ws.Opcode, b []byte, now time.Duration) {
	if !p.hub().MessageRate.Allow(&p.messages, now, 1) {
		p.refuseFlood("too many messages")
		return
	}
	p.speak(op, b, now)
}

// speak publishes a message in the client's room.
func (p *Client) speak(op ws.Opcode, b []byte, now time.Duration) {
	hub, r := p.hub(), p.room()
	e := hub.Admit(chat.Actor{Inside: true}, chat.View{Name: r.Name, Options: r.Options}, len(b))
	switch {
	case r.Options.PublishProxy, e != nil && e != chat.RejectLimit:
		p.Close(fanout.ClosedForbidden, ws.ClosePolicy, "who does not sign in may only listen here")
	case e != nil:
		p.Close(fanout.ClosedTooBig, ws.CloseTooBig, "message too big for this room")
	case !limiter.PerSecond(r.Options.Rate).Allow(&p.inRoom, now, 1):
		p.refuseFlood("too many messages for this room")
	case !p.mayInSlowMode(r.Name):
		p.refuseFlood("too many messages for this room, which is in slow mode")
	default:
		fanout.AddTo(&p.ReceivedMessages, 1)
		hub.PublishPlain(r, op, b)
	}
}

// mayInSlowMode holds the client to the slow mode of its room.
func (p *Client) mayInSlowMode(room string) bool {
	m := p.hub().Moderation
	if !m.Slows(room) {
		return true
	}
	_, ok := m.MaySpeak(chat.SpeakerOf(&p.Conn, ""), room)
	return ok
}

func (p *Client) refuseFlood(what string) { p.End(fanout.ClosedRate, what) }

func (p *Client) OnUnread([]byte) {} // it is never held back

func (p *Client) OnFlood(on bool) {
	if on {
		p.refuseFlood("too many bytes")
	}
}

func (p *Client) OnDeadline(bool) {} // it has none

func (p *Client) OnGap(*fanout.Audience) {} // it has no position

func (p *Client) OnClose(ws.CloseCode, string) bool { return true }

func (p *Client) OnGone() { p.Shard.Shared.Leave(&p.Conn) }

func (p *Client) OnLeave() {
	hub := p.hub()
	hub.LeavePlain(&p.place)
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

func (p *Client) PublishesTo() *fanout.Audience { return p.place.Topic.Audience }

func (p *Client) OnJoined(*fanout.Member) {}

func (p *Client) OnLeft(*fanout.Member) {}

func (p *Client) Member(i int) *fanout.Member {
	if i == 0 {
		return &p.place
	}
	return nil
}

func (p *Client) Address() netip.Addr {
	if p.source != nil {
		return p.source.At
	}
	return netip.Addr{}
}

// PlainCodec makes what a plain client receives: publications, as they were made.
var PlainCodec = chat.FormatCodec{
	Publication: func(_ string, p, _ *chat.Publication, _ *int) []byte { return fanout.EncodeFrame(plainData(p)) },
	Whole:       chat.PlainFormat,
}

// plainData is what a plain client is sent of a publication.
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
