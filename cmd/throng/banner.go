package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/throng-chat/throng/server"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/settings"
)

// printBanner prints the addresses and the main settings to standard error, for a person at a terminal.
func printBanner(cfg server.Config, srv *server.Server, file *configFile, start time.Time) {
	var b strings.Builder
	line := func(key, format string, args ...any) { fmt.Fprintf(&b, "%-9s %s\n", key, fmt.Sprintf(format, args...)) }
	line("throng", "%s · %s %s/%s · pid %d", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, os.Getpid())
	line("config", "%s", file)
	line("loops", "%d, one per core · ping after %v of silence, close %v later", srv.Shards(), cfg.PingInterval, cfg.PingTimeout)
	line("limits", "%s · %v per message · %s per connection · %v unsent", count(srv.MaxConnections(), "connection"), settings.Size(cfg.MaxMessage), rateText(cfg.Rate), settings.Size(cfg.MaxUnsent))
	line("access", "%s", access(mostPublic(srv), srv.GuestsAllowed(), srv.TokensEnabled()))
	line("rooms", "%s", otherRooms(srv.OtherRooms(), len(cfg.Rooms)))
	if plain, over := srv.Addr(), srv.TLSAddr(); plain == nil {
		line("listen", "off")
		printEndpoints(line, "tls", "s", over)
	} else {
		printEndpoints(line, "listen", "", plain)
		if over != nil {
			line("tls", "https://%s/  and wss://, with the same paths", over)
		}
	}
	line("api", "%s", apiText(cfg, srv))
	if at := srv.GRPCAddr(); at != nil {
		line("grpc", "%s  the same methods", at)
	}
	if admin := srv.AdminAddr(); admin != nil {
		line("admin", "%s  /healthz /readyz /metrics /connections /debug/pprof/", urlOf(adminScheme(cfg), admin, ""))
	} else {
		line("admin", "off")
	}
	fmt.Fprintf(&b, "ready in %v · press Ctrl-C for a graceful stop, twice to stop at once\n", time.Since(start).Round(time.Millisecond))
	fmt.Fprint(os.Stderr, b.String())
}

// printEndpoints prints what clients use on a port. s is "s" for TLS.
func printEndpoints(line func(key, format string, args ...any), key, s string, host net.Addr) {
	if path, ok := strings.CutPrefix(host.String(), "unix:"); ok {
		line(key, "%s  /, /ws and /connection/websocket for a proxy; to test it: curl --unix-socket %s http://localhost/", host, path)
		return
	}
	line(key, "http%s://%s/  the chat page", s, host)
	line("", "ws%s://%s/ws  for plain clients (?room=NAME, default lobby)", s, host)
	line("", "ws%s://%s/connection/websocket  for SDK clients", s, host)
}

// port is an open port of clients.
type port struct {
	setting string // listen or tls-listen
	addr    net.Addr
}

// mostPublic returns the port that the network can reach, if there is one: else the plain port, or the TLS port where that is off.
func mostPublic(srv *server.Server) port {
	plain, over := port{"listen", srv.Addr()}, port{"tls-listen", srv.TLSAddr()}
	if plain.addr == nil || over.addr != nil && isLocal(plain.addr) && !isLocal(over.addr) {
		return over
	}
	return plain
}

func rateText(n int) string {
	if n == 0 {
		return "unlimited messages"
	}
	return count(n, "message") + "/s"
}

// count formats a number with its noun, which has a plural in s.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// access describes who can connect, and which setting changes that.
func access(at port, guests, tokens bool) string {
	addr, setting := at.addr, at.setting
	if addr.Network() == "unix" {
		return accessByUnix(addr, guests, tokens)
	}
	_, number, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	local := isLoopback(addr)
	switch {
	case local && guests && tokens:
		return fmt.Sprintf("this machine only, with a token or as a guest (to accept the network: --%s :%s, and --guests on for guests)", setting, number)
	case local && guests:
		return fmt.Sprintf("this machine only, as a guest (to accept the network: --%s :%s, with a key under [token] or --guests on)", setting, number)
	case local && tokens:
		return fmt.Sprintf("this machine only, with a token (to accept the network: --%s :%s)", setting, number)
	case guests:
		return fmt.Sprintf("OPEN TO THE NETWORK WITHOUT SIGN-IN: every client that reaches %s may chat under any name (to prevent this: --guests off, or --%s 127.0.0.1:%s)", addr, setting, number)
	case tokens:
		return "the network, with a token"
	}
	return noAccess
}

// noAccess is the text for a server that no client can use.
const noAccess = "NO CLIENT CAN CONNECT: guests are off, and the config file has no key under [token] (to allow guests under any name: --guests on)"

// accessByUnix is access for a Unix socket.
func accessByUnix(addr net.Addr, guests, tokens bool) string {
	switch {
	case guests:
		return fmt.Sprintf("WITHOUT SIGN-IN: every client of the processes that connect to %s may chat under any name (to prevent this: --guests off)", addr)
	case tokens:
		return fmt.Sprintf("clients of the processes that connect to %s, with a token", addr)
	}
	return noAccess
}

// otherRooms describes who may use rooms that no pattern matches, and which setting changes that.
func otherRooms(access string, patterns int) string {
	which := "all rooms"
	if patterns > 0 {
		which = fmt.Sprintf("rooms that match none of the [[room]] patterns (%d)", patterns)
	}
	switch access {
	case "open":
		return fmt.Sprintf("open: all clients may use %s (to change this: --rooms signed-in or closed)", which)
	case "closed":
		return fmt.Sprintf("closed: only the application may use %s (to change this: --rooms signed-in or open)", which)
	}
	return fmt.Sprintf("signed-in: clients with a user may use %s (to change this: --rooms open or closed)", which)
}

// openRooms returns the patterns of the rooms that every client may join.
func openRooms(rooms []chat.RoomOptions) (patterns []string) {
	for _, r := range rooms {
		if r.Subscribe == chat.Anyone {
			patterns = append(patterns, r.Pattern)
		}
	}
	return patterns
}

// apiText returns the address of the server API, or how to turn it on.
func apiText(cfg server.Config, srv *server.Server) string {
	switch {
	case !cfg.APIEnabled():
		return "off (to turn it on: key = \"...\" under [api] in the config file, or THRONG_API_KEY)"
	case cfg.API.On == "admin":
		return urlOf(adminScheme(cfg), srv.AdminAddr(), "/api/")
	}
	if srv.Addr() == nil {
		return urlOf("https", srv.TLSAddr(), "/api/")
	}
	return urlOf("http", srv.Addr(), "/api/")
}

func adminScheme(cfg server.Config) string {
	if cfg.TLS.Admin {
		return "https"
	}
	return "http"
}

// urlOf returns the URL of a path; for a Unix socket, its address and the path.
func urlOf(scheme string, a net.Addr, path string) string {
	if a.Network() == "unix" {
		return a.String() + "  " + path
	}
	return scheme + "://" + a.String() + path
}

// isLocal reports whether an address is reachable only from this machine.
func isLocal(addr net.Addr) bool { return addr.Network() == "unix" || isLoopback(addr) }

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
