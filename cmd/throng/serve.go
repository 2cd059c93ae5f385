package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/throng-chat/throng/server"
)

// serveCmd is the one table of the server's settings: each field is a flag, an environment variable THRONG_NAME and a key
// of the config file.
type serveCmd struct {
	Listen         string        `default:"${listen}" help:"Public address of the chat, host:port."`
	Admin          string        `default:"${admin}" help:"Address of the admin port (health, metrics, connections, profiles), host:port; off for none."`
	Origin         []string      `help:"Additional origin whose pages may connect: scheme://host[:port], https://*.example.com for subdomains, null for pages opened from a file, * for all. May be repeated."`
	Host           []string      `help:"Name allowed in the Host header, in addition to IP addresses and localhost: NAME, *.NAME, * for all. Checked if throng listens on a loopback address or if --host is set. May be repeated."`
	TrustedProxy   []string      `help:"Address or network of a proxy whose X-Forwarded-For header is trusted. May be repeated."`
	PingInterval   time.Duration `default:"${ping_interval}" help:"Silence after which a connection gets a ping; SDK clients get a ping at this interval."`
	PingTimeout    time.Duration `default:"${ping_timeout}" help:"Time to answer a ping before the connection is closed."`
	Rate           int           `default:"${rate}" help:"Messages per second from one connection, twice as many in a burst; 0 for no limit."`
	RateBytes      size          `default:"${rate_bytes}" help:"Bytes per second from one connection, four times as many in a burst; 0 for no limit."`
	MaxMessage     size          `default:"${max_message}" help:"Maximum size of one message."`
	MaxUnsent      size          `default:"${max_unsent}" help:"Unsent bytes before a connection is closed as a slow consumer. Publications are shared between slow consumers and count for --max-retained instead."`
	MaxRetained    size          `default:"${max_retained}" help:"Bytes retained for all slow consumers, an eighth of it for one room. Above it, the slowest consumers are closed."`
	MaxConnections int           `default:"0" help:"Maximum number of connections; 0 for as many as the open-file limit allows."`
	Drain          time.Duration `default:"${drain}" help:"Time limit of a graceful stop."`

	Guests                string `default:"${guests}" help:"Allow guests: on, off, or auto (only on a loopback address without trusted proxies)."`
	PersonalRooms         bool   `help:"Subscribe each connection of a user U to the room #U."`
	UserRooms             string `default:"${user_rooms}" help:"Character that restricts a room to the users listed after it (dialog#42,43); empty to turn the rule off."`
	PrivateRooms          string `default:"${private_rooms}" help:"First character of room names that require a subscription token; empty to turn the rule off."`
	Rooms                 string `default:"${rooms}" help:"Access to rooms that match no [[room]] pattern: open, signed-in, closed, or auto (signed-in if a key under [token] is configured, otherwise open)."`
	MaxRooms              int    `default:"${max_rooms}" help:"Maximum number of rooms per connection."`
	MaxConnectionsUser    int    `default:"${max_connections_user}" help:"Maximum number of connections per user; 0 for no limit."`
	MaxConnectionsAddress int    `default:"${max_connections_address}" help:"Maximum number of sockets per address, WebSocket and HTTP; 0 for no limit."`
	RateUser              int    `default:"${rate_user}" help:"Publications per second of one user, twice as many in a burst; 0 for no limit."`
	RateAddress           int    `default:"${rate_address}" help:"Commands per second from one address, twice as many in a burst; 0 for no limit."`
	HistoryBytes          size   `default:"${history_bytes}" help:"Memory for the history of all rooms together. Above it, old publications are evicted."`

	RateConnectionsAddress int `default:"${rate_connections_address}" help:"New connections per second from one address, ten times as many in a burst; 0 for no limit."`

	Config string `type:"path" help:"Config file (TOML). By default the first of ./throng.toml, ~/.config/throng/throng.toml and /etc/throng/throng.toml that exists." config:"-"`
	Check  bool   `help:"Check the settings and exit." config:"-"`

	file      *configFile
	elsewhere map[string]string // settings that are not the file's, and how an error says whose they are
	unknown   []error           // variables of the environment that are none
}

// Help is more of throng serve -h.
func (*serveCmd) Help() string {
	return "Rooms, tokens, the API and webhooks are tables of the config file. Secrets are set in the file or in the environment, which takes precedence: " +
		strings.Join(slices.Sorted(maps.Values(secrets)), ", ") + "."
}

// serveVars are the defaults, told once, by the server.
func serveVars() map[string]string {
	d := server.DefaultConfig()
	return map[string]string{
		"rate_connections_address": fmt.Sprint(d.RateConnectionsAddress),

		"listen":                  d.Listen,
		"admin":                   d.Admin,
		"ping_interval":           d.PingInterval.String(),
		"ping_timeout":            d.PingTimeout.String(),
		"rate":                    fmt.Sprint(d.Rate),
		"max_message":             size(d.MaxMessage).String(),
		"rate_bytes":              size(d.RateBytes).String(),
		"max_unsent":              size(d.MaxUnsent).String(),
		"max_retained":            size(d.MaxRetained).String(),
		"drain":                   d.Drain.String(),
		"guests":                  d.Guests,
		"user_rooms":              d.UserRooms,
		"private_rooms":           d.PrivateRooms,
		"rooms":                   d.OtherRooms,
		"max_rooms":               fmt.Sprint(d.MaxRooms),
		"max_connections_user":    fmt.Sprint(d.MaxConnectionsUser),
		"max_connections_address": fmt.Sprint(d.MaxConnectionsAddress),
		"rate_user":               fmt.Sprint(d.RateUser),
		"rate_address":            fmt.Sprint(d.RateAddress),
		"history_bytes":           size(d.HistoryBytes).String(),
	}
}

func (c *serveCmd) setFlags(cfg *server.Config) {
	cfg.Listen = c.Listen
	cfg.Admin = c.Admin
	cfg.Origins = c.Origin
	cfg.Hosts = c.Host
	cfg.TrustedProxies = c.TrustedProxy
	cfg.PingInterval = c.PingInterval
	cfg.PingTimeout = c.PingTimeout
	cfg.Rate = c.Rate
	cfg.MaxMessage = int(c.MaxMessage)
	cfg.RateBytes = int(c.RateBytes)
	cfg.MaxUnsent = int(c.MaxUnsent)
	cfg.MaxRetained = int(c.MaxRetained)
	cfg.MaxConnections = c.MaxConnections
	cfg.Drain = c.Drain
	cfg.Guests = c.Guests
	cfg.PersonalRooms = c.PersonalRooms
	cfg.UserRooms = c.UserRooms
	cfg.PrivateRooms = c.PrivateRooms
	cfg.OtherRooms = c.Rooms
	cfg.MaxRooms = c.MaxRooms
	cfg.MaxConnectionsUser = c.MaxConnectionsUser
	cfg.MaxConnectionsAddress = c.MaxConnectionsAddress
	cfg.RateUser = c.RateUser
	cfg.RateAddress = c.RateAddress
	cfg.RateConnectionsAddress = c.RateConnectionsAddress
	cfg.HistoryBytes = int(c.HistoryBytes)
}

// Run is throng serve.
func (c *serveCmd) Run() error {
	start := time.Now()
	terminal := term.IsTerminal(int(os.Stderr.Fd()))
	log := newLog(terminal)
	warnings := log
	if !c.Check {
		warnings = slog.New(slog.DiscardHandler) // server.New has the same
	}
	cfg, err := c.config(warnings)
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	if c.Check {
		if err := cfg.CheckFiles(); err != nil {
			return err
		}
		_, err := fmt.Printf("ok: %s\n", c.file)
		return err
	}
	cfg.Version = version
	srv, err := server.New(cfg, log)
	if errors.Is(err, syscall.EADDRINUSE) {
		return &exitError{code: exitInUse, err: fmt.Errorf("%w. Another server runs there: stop it, or choose another address with --listen and --admin", plainInUse(err))}
	}
	if err != nil {
		return err
	}

	log = srv.Logger() // it never blocks
	ctx, stop := handleSignals(log)
	defer stop()

	if admin := srv.AdminAddr(); admin != nil && !isLoopback(admin) {
		log.Warn("the admin port is open to the network: whoever reaches it sees and closes connections; for this machine only: --admin 127.0.0.1:3001",
			"admin", admin.String())
	}
	if len(cfg.TrustedProxies) > 0 && len(cfg.Hosts) == 0 && isLoopback(srv.Addr()) {
		log.Warn("requests that a proxy passes on for a name are refused (421): list the name of the site, such as --host chat.example")
	}
	if !srv.LetsGuestsIn() && !srv.KnowsTokens() && cfg.Webhooks.URL == "" {
		log.Warn("nobody can come in: guests are off, and there is no key under [token] (to let in anybody, under any name: --guests on)")
	}
	if open := openRooms(cfg.Rooms); srv.KnowsTokens() && srv.LetsGuestsIn() && len(open) > 0 {
		log.Warn(`rooms of these patterns are open to clients without a token (to change that: subscribe = "signed-in")`, "patterns", strings.Join(open, " "))
	}
	if terminal {
		c.greet(cfg, srv, start)
	} else {
		log.Info("ready", "version", version, "pid", os.Getpid(), "config", c.file.String(), "listen", srv.Addr().String(),
			"admin", addressOf(srv.AdminAddr()), "max_connections", srv.MaxConnections(), "max_message", cfg.MaxMessage,
			"max_unsent", cfg.MaxUnsent, "rate", cfg.Rate, "access", access(srv.Addr(), srv.LetsGuestsIn(), srv.KnowsTokens()),
			"rooms", otherRooms(srv.OtherRooms(), len(cfg.Rooms)), "api", c.apiText(cfg, srv), "loops", srv.Shards())
	}
	return srv.Run(ctx)
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func addressOf(a net.Addr) string {
	if a == nil {
		return "off"
	}
	return a.String()
}

// plainInUse is the first line of an address-in-use error without the system call's name.
func plainInUse(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return fmt.Errorf("cannot listen on %v: %w", op.Addr, syscall.EADDRINUSE)
	}
	return err
}

// newLog writes for a person on a terminal, and JSON, a line an event, for a program.
func newLog(terminal bool) *slog.Logger {
	if terminal {
		return slog.New(tint.NewTextHandler(os.Stderr, &tint.Options{TimeFormat: time.TimeOnly, NoColor: os.Getenv("NO_COLOR") != ""}))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, nil))
}
