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

// What a setting may be.
const (
	minPing           = time.Second
	maxPing           = 24 * time.Hour
	maxMessageAllowed = 16 << 20
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
