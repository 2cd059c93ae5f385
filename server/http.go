package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/web"
	"github.com/throng-chat/throng/server/ws"
)

const (
	keptTimeout  = 75 * time.Second // a connection without a request
	requestRate  = 2000             // HTTP requests a second, of all who do not show the API key; more wait
	requestBurst = 200
	defaultRoom  = "lobby"
)

// routes are the paths of the public port: the page, and the sockets.
func (s *Server) routes() http.Handler {
	page := web.Handler()
	return s.guardHost(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.takesBody(r) {
			s.leaveBody(w, r)
		}
		switch {
		case tooManyLines(r):
			w.Header().Set("Connection", "close")
			http.Error(w, fmt.Sprintf("more than %d header lines", maxHeadLines), http.StatusRequestHeaderFieldsTooLarge)
		case isSocket(r.URL.Path):
			s.serveSocket(w, r)
		case s.answersAPI(r) && s.api.knows(keyOf(r)):
			s.handshakes.trust(socketOf(r))
			s.api.ServeHTTP(w, r)
		case !s.turn(r):
			// The client is gone.
		case r.URL.Path == guestPath:
			s.serveGuest(w, r)
		case s.answersAPI(r):
			s.api.ServeHTTP(w, r)
		default:
			page.ServeHTTP(w, r)
		}
	}))
}

// turn waits until a request of anybody may be answered: pages, guest tokens and calls without the key have a rate in common, first
// come, first served. Each pipelined connection is a goroutine of net/http that always has work, and without a rate a few of them
// would leave the loops and shards little of the processor. It returns false if the client has gone meanwhile.
func (s *Server) turn(r *http.Request) bool {
	s.metrics.httpRequests.Inc()
	if s.requests.Allow() {
		return true
	}
	s.metrics.httpDelayed.Inc()
	return s.requests.Wait(r.Context()) == nil
}

// takesBody is for the paths that have a use for a body. They bound it, in size and time.
func (s *Server) takesBody(r *http.Request) bool { return r.URL.Path == guestPath || s.answersAPI(r) }

// answersAPI says whether a request on the public port is one of the server API's.
func (s *Server) answersAPI(r *http.Request) bool {
	return s.api != nil && s.cfg.API.On == "listen" && isAPI(r)
}

// leaveBody is for a request whose body nobody waits for.
func (s *Server) leaveBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	w.Header().Set("Connection", "close")
	if err := http.NewResponseController(w).SetReadDeadline(time.Now()); err != nil {
		s.log.Debug("body not cut off", "error", err)
	}
}

const (
	roomPath    = "/ws"                   // the plain room
	sessionPath = "/connection/websocket" // the SDK protocol
)

// The subprotocols of SDKs.
const (
	jsonSubprotocol     = "centrifuge-json"
	protobufSubprotocol = "centrifuge-protobuf"
)

func tooManyLines(r *http.Request) bool {
	lines := 0
	for _, values := range r.Header {
		lines += len(values)
	}
	return lines > maxHeadLines
}

// publicServer answers the requests that the door does not take itself. HTTP/1.1 only: a WebSocket needs nothing else. How
// long a head may take is the door's to watch.
func (s *Server) publicServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:   s.routes(),
		ConnState: s.handshakes.onState,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, socketKey{}, c)
		},
		ReadHeaderTimeout: headTimeout, // of a further request; the door watches the first
		ReadTimeout:       2 * headTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       s.keepFor,
		MaxHeaderBytes:    maxHead - 4096, // net/http reads 4 KiB more than it is told
		Protocols:         protocols,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// socketKey is that of a request's context where its *handshake is.
type socketKey struct{}

func socketOf(r *http.Request) *handshake { return r.Context().Value(socketKey{}).(*handshake) }

// refusal is why a request may not join a room: what it is answered, and how it is counted.
type refusal struct {
	result string
	status int
	reason string
}

func isSocket(path string) bool { return path == roomPath || path == sessionPath }

// welcome is a handshake that is good: what it is answered with, and what the connection becomes.
type welcome struct {
	hello    []byte
	room     string   // of a plain connection
	seat     *room    // reserved in it, where its members are limited; else nil
	encoding encoding // plainEncoding, or that of a session
	asked    bool     // the application is to be asked first: askPlain
}

// admit decides who may connect, and as what. It keeps nothing of h, whose strings may be on loan.
func (s *Server) admit(h *ws.Head) (welcome, *refusal) {
	if err := h.Check(); err != nil {
		return welcome{}, malformed(err)
	}
	if !wellFormedHost(h.Host) {
		return welcome{}, &refusal{handshakeMalformed, http.StatusBadRequest, "header Host: " + wantHost}
	}
	if !s.callsUs(h.Host) {
		return welcome{}, &refusal{handshakeHost, http.StatusMisdirectedRequest, foreignHost(h.Host)}
	}
	if !s.origins.allow(h.Origin, h.Host) {
		return welcome{}, &refusal{handshakeOrigin, http.StatusForbidden, foreignOrigin(h.Origin.Value)}
	}
	if s.hub.draining.Load() {
		return welcome{}, stopping()
	}
	if h.Path == sessionPath {
		return sessionWelcome(h), nil
	}
	room, ok := roomName(h.Query)
	if !ok {
		return welcome{}, &refusal{handshakeRoom, http.StatusBadRequest,
			fmt.Sprintf("room must be given once, as 1 to %d bytes of UTF-8 without control or invisible characters", maxRoomName)}
	}
	if why := s.hub.barsPlain(room); why != "" {
		return welcome{}, &refusal{handshakeForbidden, http.StatusForbidden, "a plain client may not enter that room: " + why}
	}
	return welcome{hello: ws.SwitchingProtocols(h.Key.Value, ""), room: strings.Clone(room), asked: s.hub.hooks.asksPlain()}, nil
}

func (s *Server) admitRequest(r *http.Request) (welcome, *refusal) {
	h, err := ws.HeadOf(r)
	if err != nil {
		return welcome{}, malformed(err)
	}
	return s.admit(&h)
}

// malformed is for a request that is no handshake.
func malformed(err error) *refusal {
	no := &refusal{handshakeMalformed, http.StatusBadRequest, err.Error()}
	if bad := (*ws.HandshakeError)(nil); errors.As(err, &bad) {
		no.status = bad.Status
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
	as := welcome{encoding: jsonEncoding}
	subprotocol := ""
	switch {
	case h.Protocol.HasToken(protobufSubprotocol):
		subprotocol, as.encoding = protobufSubprotocol, protobufEncoding
	case h.Protocol.HasToken(jsonSubprotocol):
		subprotocol = jsonSubprotocol
	}
	if asksProtobuf(h.Query) {
		as.encoding = protobufEncoding
	}
	as.hello = ws.SwitchingProtocols(h.Key.Value, subprotocol)
	return as
}

// asksProtobuf looks for format=protobuf and cf_protocol=protobuf in a query. Nearly all have none, and are not parsed.
func asksProtobuf(query string) bool {
	if !strings.Contains(query, "=protobuf") && !strings.Contains(query, "%") {
		return false
	}
	// What is wrong elsewhere in the query takes nothing from this.
	values := (&url.URL{RawQuery: query}).Query()
	return values.Get("format") == "protobuf" || values.Get("cf_protocol") == "protobuf"
}

// showsKey says whether a head is that of a request of the server API with its key.
func (s *Server) showsKey(head []byte) bool {
	if s.api == nil || s.cfg.API.On != "listen" || !bytes.HasPrefix(head, []byte("POST "+apiPath)) {
		return false
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	return err == nil && isAPI(r) && s.api.knows(keyOf(r))
}

// reserve takes a place in the loop, and in its room, for a connection of peer that came from that address. c is its socket, nil where it
// has none yet.
func (s *Server) reserve(c *handshake, peer, from netip.Addr, as *welcome) (*address, *refusal) {
	// For whom a proxy comes was not known when it was accepted.
	if s.proxies.trusted(peer) && !s.arrivals.allow(from, s.hub.clock.now()) {
		return nil, &refusal{handshakeRate, http.StatusTooManyRequests, textTooOften}
	}
	if !s.hub.reserve() {
		return nil, &refusal{handshakeFull, http.StatusServiceUnavailable, "the server is full: come back later"}
	}
	ok := true
	if as.encoding == plainEncoding {
		if as.seat, ok = s.hub.reserveSeat(as.room); !ok {
			s.hub.release()
			return nil, &refusal{handshakeFull, http.StatusServiceUnavailable, "the room is full: come back later"}
		}
	}
	if source := s.handshakes.take(c); source != nil { // it counts already
		return source, nil
	}
	source, ok := s.reserveAddress(from)
	if !ok {
		s.giveBack(nil, as.seat)
		return nil, &refusal{handshakeFull, http.StatusServiceUnavailable, textAddressFull}
	}
	return source, nil
}

// reserveAddress counts a socket of an address. Where there are too many, one of no use makes room for it.
func (s *Server) reserveAddress(from netip.Addr) (*address, bool) {
	for {
		source, ok := s.hub.reserveAddress(from)
		if ok || !s.handshakes.evictOf(from) {
			return source, ok
		}
	}
}

// countSocket counts a socket that does not go to the loop at once as one of its address; false where there are too many. A
// proxy's do not count: its connections count by themselves, in reserve.
func (s *Server) countSocket(c *handshake) (ok bool) {
	if s.cfg.MaxConnectionsAddress == 0 || !c.address.IsValid() {
		return true
	}
	c.source, ok = s.reserveAddress(c.address)
	return ok
}

// giveBack frees the place of a connection that did not come about.
func (s *Server) giveBack(source *address, seat *room) {
	s.hub.releaseSeat(seat)
	s.hub.releaseAddress(source)
	s.hub.release()
}

// serveSocket is for a handshake that came by way of net/http: one that is refused, that follows another request on its
// connection, or that the application is asked about.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	var source *address
	as, no := s.admitRequest(r)
	if no == nil {
		c := socketOf(r)
		source, no = s.reserve(c, c.peer, s.sourceOf(r), &as)
	}
	if no == nil && as.asked {
		s.handshakes.asks(socketOf(r))
		if no = s.askPlain(w, r, as.room); no != nil {
			s.giveBack(source, as.seat)
		}
	}
	if no != nil {
		s.refuse(w, r, no)
		return
	}
	conn, early, err := hijack(w)
	if err != nil {
		s.giveBack(source, as.seat)
		s.metrics.handshakes.WithLabelValues(handshakeFailed).Inc()
		s.log.Debug("socket not taken over", "error", err)
		return
	}
	s.enter(conn, source, as, early)
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	s.metrics.handshakes.WithLabelValues(no.result).Inc()
	h := w.Header()
	h.Set("Connection", "close")
	switch no.status {
	case http.StatusUpgradeRequired:
		h.Set("Sec-WebSocket-Version", ws.Version)
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodGet)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", retryAfterSeconds)
	case http.StatusMisdirectedRequest:
		s.complaint.Do(func() {
			s.log.Warn("request for another host refused; allow it with --host", "host", clip(r.Host))
		})
	case http.StatusForbidden:
		if no.result != handshakeOrigin {
			break
		}
		s.complaint.Do(func() {
			s.log.Warn("page of another origin refused; allow it with --origin", "origin", clip(r.Header.Get("Origin")), "host", clip(r.Host))
		})
	}
	http.Error(w, no.reason, no.status)
}

// enter hands a socket whose handshake is good to the loop. A place is reserved.
func (s *Server) enter(conn *net.TCPConn, source *address, as welcome, early []byte) {
	nc, err := netpoll.FromTCP(conn)
	s.enterLoop(nc, err, source, as, early)
}

// enterLoop is enter of a connection of the loop's own kind, or of what failed in making it.
func (s *Server) enterLoop(nc *netpoll.Socket, err error, source *address, as welcome, early []byte) {
	s.handshakes.makeRoom()
	if err != nil {
		s.giveBack(source, as.seat)
		s.metrics.handshakes.WithLabelValues(handshakeFailed).Inc()
		s.complaint.Do(func() { s.log.Warn("socket not taken over", "error", err) })
		return
	}
	s.metrics.accepted.Inc()
	if as.encoding == plainEncoding {
		s.hub.join(nc, source, as.room, as.seat, as.hello, early)
	} else {
		s.hub.open(nc, source, as.encoding, as.hello, early)
	}
}

// hijack takes a request's socket from net/http, and what the client sent behind its request.
func hijack(w http.ResponseWriter) (conn *net.TCPConn, early []byte, err error) {
	taken, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if n := rw.Reader.Buffered(); n > 0 {
		early = make([]byte, n)
		if _, err := io.ReadFull(rw.Reader, early); err != nil {
			return nil, nil, errors.Join(err, taken.Close())
		}
	}
	// nbio knows a TCP socket by its concrete type.
	c := taken.(*handshake)
	return c.TCPConn, append(early, c.read...), nil
}

// roomName reads ?room=NAME. Plain names are not parsed as a query, which takes a map.
func roomName(query string) (string, bool) {
	if query == "" {
		return defaultRoom, true
	}
	if name, found := strings.CutPrefix(query, "room="); found && !strings.ContainsAny(name, "%+&;=") {
		return name, validRoomName(name)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", false
	}
	switch names := values["room"]; len(names) {
	case 0:
		return defaultRoom, true
	case 1:
		return names[0], validRoomName(names[0])
	default:
		return "", false
	}
}

// clip bounds what strangers can put into a log line; slog escapes it.
func clip(s string) string {
	if len(s) > 256 {
		return s[:256] + "..."
	}
	return s
}
