package edge

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

const defaultRoom = "lobby" // of a plain client whose URL has no room

// RoomPath is the path of the WebSocket endpoint for plain clients.
const RoomPath = "/ws"

// The WebSocket subprotocols of the SDKs.
const (
	jsonSubprotocol     = "centrifuge-json"
	protobufSubprotocol = "centrifuge-protobuf"
)

// rejection is the response to a handshake that is not accepted.
type rejection struct {
	result string // label of throng_handshakes_total
	Status int    // of HTTP
	Reason string // body of the response
}

// isSocket reports whether a path is that of a WebSocket endpoint.
func isSocket(path string) bool { return path == RoomPath || path == chat.SessionPath }

// admission is an accepted handshake: its response, and the client that the connection becomes.
type admission struct {
	response   []byte
	window     deflate.Window   // 0 without permessage-deflate
	room       string           // of a plain client
	Reserved   *chat.Room       // the result of Hub.ReservePlain; nil for none
	encoding   session.Encoding // PlainEncoding for a plain client
	needsProxy bool             // the application decides first: proxyPlain
}

// authorize checks a handshake. It returns its admission, or why it is rejected. It copies what it keeps of h, whose strings may be borrowed.
func (e *Edge) authorize(h *ws.Head) (admission, *rejection) {
	if err := h.Check(); err != nil {
		return admission{}, malformed(err)
	}
	if !origin.WellFormedHost(h.Host) {
		return admission{}, &rejection{metrics.HandshakeMalformed, http.StatusBadRequest, "header Host: " + origin.HostRule}
	}
	if !e.allowsHost(h.Host) {
		return admission{}, &rejection{metrics.HandshakeHost, http.StatusMisdirectedRequest, origin.ForeignHost(h.Host)}
	}
	if !e.rules.Load().origins.Allow(h.Origin, h.Host) {
		return admission{}, &rejection{metrics.HandshakeOrigin, http.StatusForbidden, foreignOrigin(h.Origin.Value)}
	}
	if e.sessions.Draining.Load() {
		return admission{}, draining()
	}
	if h.Path == chat.SessionPath {
		return e.admitSession(h), nil
	}
	room, ok := roomName(h.Query)
	if !ok {
		return admission{}, &rejection{metrics.HandshakeRoom, http.StatusBadRequest,
			fmt.Sprintf("query parameter room: must occur once and have 1 to %d bytes of UTF-8, without control or invisible characters", chat.MaxRoomName)}
	}
	if why := e.sessions.PlainDenial(room); why != "" {
		return admission{}, &rejection{metrics.HandshakeForbidden, http.StatusForbidden, "plain clients may not join this room: " + why}
	}
	w, extensions := e.negotiate(h, e.sessions.RoomRef(room).Options.CompressionContext)
	return admission{
		response: ws.SwitchingProtocols(h.Key.Value, "", extensions), window: w, room: strings.Clone(room), needsProxy: e.hooks.ProxiesPlain(),
	}, nil
}

// AuthorizeRequest is authorize for a request that net/http has parsed.
func (e *Edge) AuthorizeRequest(r *http.Request) (admission, *rejection) {
	h, err := ws.HeadOf(r)
	if err != nil {
		return admission{}, malformed(err)
	}
	return e.authorize(&h)
}

// draining returns the rejection of a handshake during a graceful stop.
func draining() *rejection {
	return &rejection{metrics.HandshakeDraining, http.StatusServiceUnavailable, "the server is stopping: retry after " + retryAfterSeconds + " s"}
}

// malformed returns the rejection of a request that is not a valid handshake.
func malformed(err error) *rejection {
	no := &rejection{metrics.HandshakeMalformed, http.StatusBadRequest, err.Error()}
	if bad := (*ws.HandshakeError)(nil); errors.As(err, &bad) {
		no.Status = bad.Status
	}
	return no
}

// foreignOrigin returns the text of a 403 response to a page of another origin.
func foreignOrigin(origin string) string {
	return fmt.Sprintf("origin %q is not allowed: start the server with --origin %s to allow it", origin, origin)
}

// admitSession returns the admission of an SDK client. The subprotocol or the URL selects the encoding. If the client offers a subprotocol,
// the response must select it, because browsers fail the connection otherwise.
func (e *Edge) admitSession(h *ws.Head) admission {
	as := admission{encoding: session.JSONEncoding}
	subprotocol := ""
	switch {
	case h.Protocol.HasToken(protobufSubprotocol):
		subprotocol, as.encoding = protobufSubprotocol, session.ProtobufEncoding
	case h.Protocol.HasToken(jsonSubprotocol):
		subprotocol = jsonSubprotocol
	}
	if requestsProtobuf(h.Query) {
		as.encoding = session.ProtobufEncoding
	}
	var extensions string
	as.window, extensions = e.negotiate(h, e.sessions.HasContexts())
	as.response = ws.SwitchingProtocols(h.Key.Value, subprotocol, extensions)
	return as
}

// negotiate returns the window of permessage-deflate and the extension header of the response; 0 and "" without it. share is as in
// deflate.Negotiate.
func (e *Edge) negotiate(h *ws.Head, share bool) (deflate.Window, string) {
	if !e.compression {
		return 0, ""
	}
	return deflate.Negotiate(h.Extensions.Value, share)
}

// requestsProtobuf reports whether a query has format=protobuf or cf_protocol=protobuf. It parses only a query that may have one.
func requestsProtobuf(query string) bool {
	if !strings.Contains(query, "=protobuf") && !strings.Contains(query, "%") {
		return false
	}
	// Query ignores errors in other parameters.
	values := (&url.URL{RawQuery: query}).Query()
	return values.Get("format") == "protobuf" || values.Get("cf_protocol") == "protobuf"
}

// roomName returns the room of a query, ?room=NAME, and whether its name is valid. It parses the query only if needed, because that
// allocates a map.
func roomName(query string) (string, bool) {
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
