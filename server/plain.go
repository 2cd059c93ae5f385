package server

import (
	"net/netip"
	"time"

	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/ws"
)

// plain is a client of /ws: it is in one room, and what it sends is published there as it is.
type plain struct {
	fanout.Conn

	// Constant once the shard knows it.
	source *address // nil where addresses do not count
	place  fanout.Member

	// Owned by the poller.
	messages limiter.Meter
	inRoom   limiter.Meter // messages
}

// openPlain makes a plain client out of a socket whose handshake is done, and a member of a room, as hub.joinPlain.
func openPlain(h *hub, nc *netpoll.Socket, source *address, name string, seat *room, hello, early []byte) {
	p := &plain{source: source}
	p.place = fanout.Member{Conn: &p.Conn, At: -1}
	h.NewConn(&p.Conn, nc, p)
	h.joinPlain(&p.place, name, seat, hello, early)
}

func (p *plain) hub() *hub { return p.room().stripe.hub }

func (p *plain) room() *room { return roomOfMember(&p.place) }

func (p *plain) OnOpen() {}

func (p *plain) OnMessage(op ws.Opcode, b []byte, now time.Duration) {
	if !p.hub().messageRate.Allow(&p.messages, now, 1) {
		p.refuseFlood("too many messages")
		return
	}
	p.speak(op, b, now)
}

// speak publishes a message in the client's room.
func (p *plain) speak(op ws.Opcode, b []byte, now time.Duration) {
	hub, r := p.hub(), p.room()
	e := hub.admit(asker{inside: true}, view{name: r.Name, options: r.options}, len(b))
	switch {
	case r.options.PublishProxy, e != nil && e != rejectLimit:
		p.Close(fanout.ClosedForbidden, ws.ClosePolicy, "who does not sign in may only listen here")
	case e != nil:
		p.Close(fanout.ClosedTooBig, ws.CloseTooBig, "message too big for this room")
	case !limiter.PerSecond(r.options.Rate).Allow(&p.inRoom, now, 1):
		p.refuseFlood("too many messages for this room")
	case !p.mayInSlowMode(r.Name):
		p.refuseFlood("too many messages for this room, which is in slow mode")
	default:
		fanout.AddTo(&p.ReceivedMessages, 1)
		hub.publish(r, op, b)
	}
}

// mayInSlowMode holds the client to the slow mode of its room.
func (p *plain) mayInSlowMode(room string) bool {
	m := p.hub().moderation
	if !m.slows(room) {
		return true
	}
	_, ok := m.maySpeak(speakerOf(&p.Conn, ""), room)
	return ok
}

func (p *plain) refuseFlood(what string) { p.End(fanout.ClosedRate, what) }

func (p *plain) OnUnread([]byte) {} // it is never held back

func (p *plain) OnFlood(on bool) {
	if on {
		p.refuseFlood("too many bytes")
	}
}

func (p *plain) OnDeadline(bool) {} // it has none

func (p *plain) OnGap(*fanout.Audience) {} // it has no position

func (p *plain) OnClose(ws.CloseCode, string) bool { return true }

func (p *plain) OnGone() { p.Shard.Engine.Leave(&p.Conn) }

func (p *plain) OnLeave() {
	hub := p.hub()
	hub.leavePlain(&p.place)
	hub.releaseAddress(p.source)
}

func (p *plain) Timers() *fanout.Timers { return nil }

func (p *plain) PingFrame() []byte { return fanout.PingFrame }

func (p *plain) CloseFor(reason fanout.Reason, text string) (ws.CloseCode, string) {
	if reason == fanout.ClosedShutdown {
		return ws.CloseRestart, text
	}
	return ws.ClosePolicy, text
}

func (p *plain) PublishesTo() *fanout.Audience { return p.place.Topic.Audience }

func (p *plain) OnJoined(*fanout.Member) {}

func (p *plain) OnLeft(*fanout.Member) {}

func (p *plain) Member(i int) *fanout.Member {
	if i == 0 {
		return &p.place
	}
	return nil
}

func (p *plain) Address() netip.Addr {
	if p.source != nil {
		return p.source.at
	}
	return netip.Addr{}
}

// plainCodec makes what a plain client receives: publications, as they were made.
var plainCodec = formatCodec{
	publication: func(_ string, p, _ *publication, _ *int) []byte { return fanout.EncodeFrame(plainData(p)) },
	whole:       plainFormat,
}

// plainData is what a plain client is sent of a publication.
func plainData(p *publication) (ws.Opcode, []byte) {
	switch p.form {
	case formText:
		return ws.OpText, p.data
	case formBytes:
		return ws.OpBinary, p.data
	}
	if p.data[0] == '"' {
		if text, err := cfjson.UnmarshalString(p.data); err == nil {
			return ws.OpText, []byte(text)
		}
	}
	return ws.OpText, p.data
}
