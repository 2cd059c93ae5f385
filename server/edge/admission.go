package edge

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

const defaultRoom = "lobby" // of a plain client that names none

const RoomPath = "/ws" // of plain clients

// The subprotocols of SDKs.
const (
	jsonSubprotocol     = "centrifuge-json"
	protobufSubprotocol = "centrifuge-protobuf"
)

// refusal is why a request may not join a room: what it is answered, and how it is counted.
type refusal struct {
	result string
	Status int
	Reason string
}

func isSocket(path string) bool { return path == RoomPath || path == chat.SessionPath }

// welcome is a handshake that is good: what it is answered with, and what the connection becomes.
type welcome struct {
	hello    []byte
	room     string           // of a plain connection
	Seat     *chat.Room       // reserved in it, where its members are limited; else nil
	encoding session.Encoding // plainEncoding, or that of a session
	asked    bool             // the application is to be asked first: askPlain
}

// admit decides who may connect, and as what. It keeps nothing of h, whose strings may be on loan.
func (e *Edge) admit(h *ws.Head) (welcome, *refusal) {
	if err := h.Check(); err != nil {
		return welcome{}, malformed(err)
	}
	if !origin.WellFormedHost(h.Host) {
		return welcome{}, &refusal{metrics.HandshakeMalformed, http.StatusBadRequest, "header Host: " + origin.WantHost}
	}
	if !e.callsUs(h.Host) {
		return welcome{}, &refusal{metrics.HandshakeHost, http.StatusMisdirectedRequest, origin.ForeignHost(h.Host)}
	}
	if !e.origins.Allow(h.Origin, h.Host) {
		return welcome{}, &refusal{metrics.HandshakeOrigin, http.StatusForbidden, foreignOrigin(h.Origin.Value)}
	}
	if e.hub.Draining.Load() {
		return welcome{}, stopping()
	}
	if h.Path == chat.SessionPath {
		return sessionWelcome(h), nil
	}
	room, ok := RoomName(h.Query)
	if !ok {
		return welcome{}, &refusal{metrics.HandshakeRoom, http.StatusBadRequest,
			fmt.Sprintf("room must be given once, as 1 to %d bytes of UTF-8 without control or invisible characters", chat.MaxRoomName)}
	}
	if why := e.hub.BarsPlain(room); why != "" {
		return welcome{}, &refusal{metrics.HandshakeForbidden, http.StatusForbidden, "a plain client may not enter that room: " + why}
	}
	return welcome{hello: ws.SwitchingProtocols(h.Key.Value, ""), room: strings.Clone(room), asked: e.hooks.AsksPlain()}, nil
}

func (e *Edge) AdmitRequest(r *http.Request) (welcome, *refusal) {
	h, err := ws.HeadOf(r)
	if err != nil {
		return welcome{}, malformed(err)
	}
	return e.admit(&h)
}

// callsUs reports whether host, the Host header of a request to the public port is acceptable. It is checked on a loopback
// listener, and wherever --host is set.
func (e *Edge) callsUs(host string) bool { return !e.checksHost || e.hosts.Allow(host) }

// stopping is the answer to a handshake during the drain.
func stopping() *refusal {
	return &refusal{metrics.HandshakeDraining, http.StatusServiceUnavailable, "the server is stopping: come back in a moment"}
}

// malformed is for a request that is no handshake.
func malformed(err error) *refusal {
	no := &refusal{metrics.HandshakeMalformed, http.StatusBadRequest, err.Error()}
	if bad := (*ws.HandshakeError)(nil); errors.As(err, &bad) {
		no.Status = bad.Status
	}
	return no
}

// foreignOrigin tells a page of another origin why it is refused.
func foreignOrigin(origin string) string {
	return fmt.Sprintf("a page of origin %q may not connect here: start the server with --origin %s to allow it", origin, origin)
}

// sessionWelcome finds the encoding that an SDK asks for: by a subprotocol, or in the URL. A subprotocol that is offered is answered, or
// browsers fail the connection.
func sessionWelcome(h *ws.Head) welcome {
	as := welcome{encoding: session.JsonEncoding}
	subprotocol := ""
	switch {
	case h.Protocol.HasToken(protobufSubprotocol):
		subprotocol, as.encoding = protobufSubprotocol, session.ProtobufEncoding
	case h.Protocol.HasToken(jsonSubprotocol):
		subprotocol = jsonSubprotocol
	}
	if AsksProtobuf(h.Query) {
		as.encoding = session.ProtobufEncoding
	}
	as.hello = ws.SwitchingProtocols(h.Key.Value, subprotocol)
	return as
}

// AsksProtobuf looks for format=protobuf and cf_protocol=protobuf in a query. Nearly all have none, and are not parsed.
func AsksProtobuf(query string) bool {
	if !strings.Contains(query, "=protobuf") && !strings.Contains(query, "%") {
		return false
	}
	// What is wrong elsewhere in the query takes nothing from this.
	values := (&url.URL{RawQuery: query}).Query()
	return values.Get("format") == "protobuf" || values.Get("cf_protocol") == "protobuf"
}

// RoomName reads ?room=NAME. Plain names are not parsed as a query, which takes a map.
func RoomName(query string) (string, bool) {
	if query == "" {
		return defaultRoom, true
	}
	if name, found := strings.CutPrefix(query, "room="); found && !strings.ContainsAny(name, "%+&;=") {
		return name, chat.ValidRoomName(name)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", false
	}
	switch names := values["room"]; len(names) {
	case 0:
		return defaultRoom, true
	case 1:
		return names[0], chat.ValidRoomName(names[0])
	default:
		return "", false
	}
}
