package server

import (
	"net"
	"net/netip"
	"time"

	"github.com/throng-chat/throng/server/token"
)

// Config is how a server runs. Each field is the flag of the same name.
type Config struct {
	Listen string // host:port of the chat
	Admin  string // host:port of health, metrics and pprof; "off" for none

	TrustedProxies []string // addresses and networks whose X-Forwarded-For is believed

	RateConnectionsAddress int // new connections a second from one address, ten times that in a burst; 0 for no limit

	Version string // of the program, told by /api/info; no flag

	Hosts []string // names that the Host header may have besides IP addresses and localhost: "chat.example", "*.example", or "*" for all. Checked where the listener is on loopback, or where there is one

	// Origins are allowed besides the server's own host and port: "https://example.org", "https://*.example.org" for its subdomains,
	// "capacitor://localhost", "null", or "*" for all.
	Origins []string

	PingInterval time.Duration // a connection silent for so long is pinged
	PingTimeout  time.Duration // one that does not answer for so long is dropped

	Rate           int // messages a second from one connection, twice that in a burst; 0 for no limit
	MaxMessage     int // bytes of one message
	RateBytes      int // bytes a second from one connection, four times that in a burst; 0 for no limit
	MaxUnsent      int // bytes that may wait for a slow reader alone: what its rooms publish is shared, and counts for MaxRetained
	MaxRetained    int // bytes that wait for slow readers, of all connections; an eighth of it for one room
	MaxConnections int // 0: what the open-file limit allows

	Drain time.Duration // how long a stop may take

	// The chat backend: /connection/websocket and /api/.
	Guests                string // "on", "off", or "auto": on where the chat listens on this machine only, and for no proxy
	PersonalRooms         bool   // a connection of user U is put into the room "#U" by the server
	UserRooms             string // "#": a room whose name has it is for the users listed behind it ("dialog#42,43"); empty for no such rule
	PrivateRooms          string // "$": a room whose name begins with it requires a subscription token; empty for no such rule
	OtherRooms            string // the flag --rooms: who may use rooms that no pattern of Rooms fits: "open", "signed-in", "closed", "auto"
	MaxRooms              int    // of one connection
	MaxConnectionsUser    int    // 0 for any number
	MaxConnectionsAddress int    // 0 for any number
	RateUser              int    // publications a second of one user, twice that in a burst; 0 for no limit
	RateAddress           int    // commands a second from one address, twice that in a burst; 0 for no limit
	HistoryBytes          int    // of all rooms together; the oldest publications make room
	Rooms                 []RoomOptions
	Token                 token.Config
	API                   APIConfig
	Webhooks              WebhookConfig
}

// APIConfig is the server API. It is off without a key.
type APIConfig struct {
	Key string
	On  string // "listen" or "admin": which port answers
}

// WebhookConfig is where throng tells, and asks, the application about what happens. It is off without a URL.
type WebhookConfig struct {
	URL     string
	Secret  string        // signs each request
	Events  []string      // of "connect", "subscribe", "publish", "rpc", "disconnect": which are sent
	Timeout time.Duration // for one answer
}

// Limits nobody has had to change.
const (
	maxFragments       = 64              // of one message, empty ones counted
	maxHead            = 8 << 10         // bytes of a handshake
	maxHeadLines       = 64              // header lines of a handshake
	headTimeout        = 5 * time.Second // for a handshake to arrive
	maxHandshakes      = 2000            // unfinished ones at a time
	maxHandshakesAddr  = 50              // of one address that have waited for handshakeGrace
	handshakeGrace     = time.Second
	stallTimeout       = 5 * time.Second // without progress on a full socket
	closeTimeout       = 2 * time.Second // for the peer's part of a close
	roomShareRetained  = 8               // one room may retain such a part of MaxRetained for its slow members
	roomBacklog        = 128 << 10       // bytes a room may be behind before its talkers are paused
	sendBuffer         = 64 << 10        // SO_SNDBUF: without it the kernel holds up to 2.3 MB for a reader that stopped
	readBuffer         = 16 << 10        // of a poller, shared by its connections
	reservedFiles      = 100             // open files that are not for connections
	maxRoomName        = 255             // bytes
	defaultRoom        = "lobby"
	minPing            = time.Second
	maxPing            = 24 * time.Hour
	maxMessageAllowed  = 16 << 20
	retryAfterSeconds  = "2"
	framesPerMessage   = 2 // a connection may send twice as many frames as messages
	burstSeconds       = 2
	maxShards          = 64      // hub.publish notes in one word whom to wake
	maxOpenFiles       = 1 << 20 // nbio keeps a pointer for each possible descriptor
	readsPerTurn       = 64      // of one connection before the others of its poller have theirs
	sendsPerYield      = 16
	minSettle          = 1000 // connections come or gone before memory is given back
	maxAnswers         = 4096 // long answers that wait to be made
	answerPatience     = 5 * time.Second
	forgivenAbsence    = time.Second
	requestRate        = 2000 // HTTP requests a second, of all who do not show the API key; more wait
	requestBurst       = 200
	acceptErrorBackoff = 50 * time.Millisecond
	logTimeout         = time.Second // for the last log lines to be written when the server stops
)

// Limits of HTTP on the public port, and of coming there.
const (
	minSockets    = 32                      // not in the loop, of a full server
	maxClosing    = 32                      // of those that are closed and whose descriptors are not free, before others are accepted
	maxAnswering  = 512                     // requests that are answered at a time
	maxAtWork     = 16                      // of those, the first ones of a connection that are at work, and wait for nothing
	workTime      = 20 * time.Millisecond   // after which one counts as waiting
	answerStall   = 1500 * time.Millisecond // without progress of an answer; looked at every 500 ms, so nobody stays for 2 s
	answerTimeout = time.Minute             // for the whole of an answer
	keptTimeout   = 75 * time.Second        // a connection without a request
	arrivalBurst  = 10 * time.Second        // of new connections from one address
)

// DefaultConfig is a chat for this machine only.
func DefaultConfig() Config {
	return Config{
		Listen:       "127.0.0.1:3000",
		Admin:        "127.0.0.1:3001",
		PingInterval: 25 * time.Second,
		PingTimeout:  10 * time.Second,
		Rate:         100,
		MaxMessage:   64 << 10,
		RateBytes:    1 << 20,
		MaxUnsent:    256 << 10,
		MaxRetained:  128 << 20,
		Drain:        10 * time.Second,
		Guests:       "auto",
		UserRooms:    "#",
		PrivateRooms: "$",
		OtherRooms:   roomsAuto,
		MaxRooms:     128,
		HistoryBytes: 256 << 20,
		API:          APIConfig{On: "listen"},
		Webhooks:     WebhookConfig{Timeout: 3 * time.Second},

		RateConnectionsAddress: 200,
	}
}

// guestsAllowed says whether somebody who brings no token is let in.
func (c Config) guestsAllowed() bool {
	if c.Guests != "auto" {
		return c.Guests == "on"
	}
	if len(c.TrustedProxies) > 0 {
		return false // whoever comes by one is from anywhere
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
