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

// greet tells a person at a terminal what runs, and how to go on.
func greet(cfg server.Config, srv *server.Server, file *configFile, start time.Time) {
	var b strings.Builder
	line := func(key, format string, args ...any) { fmt.Fprintf(&b, "%-9s %s\n", key, fmt.Sprintf(format, args...)) }
	line("throng", "%s · %s %s/%s · pid %d", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, os.Getpid())
	line("config", "%s", file)
	line("loops", "%d, one a core · ping after %v of silence, dropped %v later", srv.Shards(), cfg.PingInterval, cfg.PingTimeout)
	line("limits", "%s · %v a message · %s a connection · %v unsent", count(srv.MaxConnections(), "connection"), settings.Size(cfg.MaxMessage), rateText(cfg.Rate), settings.Size(cfg.MaxUnsent))
	line("access", "%s", access(srv.Addr(), srv.LetsGuestsIn(), srv.KnowsTokens()))
	line("rooms", "%s", otherRooms(srv.OtherRooms(), len(cfg.Rooms)))
	host := srv.Addr().String()
	line("listen", "http://%s/  the chat page", host)
	line("", "ws://%s/ws  the plain room (?room=NAME for another)", host)
	line("", "ws://%s/connection/websocket  for the SDKs", host)
	line("api", "%s", apiText(cfg, srv))
	if admin := srv.AdminAddr(); admin != nil {
		line("admin", "http://%s  /healthz /readyz /metrics /connections /debug/pprof/", admin)
	} else {
		line("admin", "off")
	}
	fmt.Fprintf(&b, "ready in %v · Ctrl-C stops in order, twice at once\n", time.Since(start).Round(time.Millisecond))
	fmt.Fprint(os.Stderr, b.String())
}

func rateText(n int) string {
	if n == 0 {
		return "any number of messages"
	}
	return count(n, "message") + "/s"
}

// count is a number of things, in English.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// access says who can reach the chat and come in, and which setting changes that.
func access(addr net.Addr, guests, tokens bool) string {
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	local := isLoopback(addr)
	switch {
	case local && guests && tokens:
		return fmt.Sprintf("this machine only, under any name or by token (for the network: --listen :%s; guests are then let in with --guests on only)", port)
	case local && guests:
		return fmt.Sprintf("this machine only, under any name (for the network: --listen :%s, and who may come in: [token], or --guests on)", port)
	case local && tokens:
		return fmt.Sprintf("this machine only, by token (for the network: --listen :%s)", port)
	case guests:
		return fmt.Sprintf("OPEN TO THE NETWORK WITHOUT SIGN-IN: whoever reaches %s may chat under any name (to stop that: --guests off, or --listen 127.0.0.1:%s)", addr, port)
	case tokens:
		return "the network, by token"
	}
	return "NOBODY CAN COME IN: the config file has no key under [token], and guests are off (to let in anybody, under any name: --guests on)"
}

// otherRooms says who may use rooms that none of the patterns fits, and which setting changes that.
func otherRooms(access string, patterns int) string {
	which := "all rooms"
	if patterns > 0 {
		which = fmt.Sprintf("rooms that no [[room]] pattern (of %d) fits", patterns)
	}
	switch access {
	case "open":
		return fmt.Sprintf("open: %s are for anyone (to change that: --rooms signed-in, or closed)", which)
	case "closed":
		return fmt.Sprintf("closed: %s are for the application alone (to change that: --rooms signed-in, or open)", which)
	}
	return fmt.Sprintf("signed-in: %s are for connections that have a user (to change that: --rooms open, or closed)", which)
}

// openRooms are the patterns of the rooms that anyone may enter.
func openRooms(rooms []chat.RoomOptions) (patterns []string) {
	for _, r := range rooms {
		if r.Subscribe == chat.Anyone {
			patterns = append(patterns, r.Pattern)
		}
	}
	return patterns
}

// apiText says where the server API is.
func apiText(cfg server.Config, srv *server.Server) string {
	switch {
	case cfg.API.Key == "":
		return "off (on with key = \"...\" under [api] in the config file, or THRONG_API_KEY)"
	case cfg.API.On == "admin":
		return fmt.Sprintf("http://%s/api/", addressOf(srv.AdminAddr()))
	}
	return fmt.Sprintf("http://%s/api/", srv.Addr())
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
