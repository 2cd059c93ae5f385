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

	"github.com/alecthomas/kong"
	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/throng-chat/throng/server"
)

// serverConfig is server.Config without its methods. kong calls a Validate when it has the flags, which is before the file's tables are there.
type serverConfig server.Config

// serveCmd is throng serve. Each setting of the server is a flag, an environment variable THRONG_NAME and a key of the config file.
type serveCmd struct {
	Settings serverConfig `embed:""`

	Config string `type:"path" help:"Config file (TOML). By default the first of ./throng.toml, ~/.config/throng/throng.toml and /etc/throng/throng.toml that exists." config:"-"`
	Check  bool   `help:"Check the settings and exit." config:"-"`

	sources *sources
}

// Help is more of throng serve -h.
func (*serveCmd) Help() string {
	return "Rooms, tokens, the API and webhooks are tables of the config file. Secrets are set in the file or in the environment, which takes precedence: " +
		strings.Join(slices.Sorted(maps.Values(secrets)), ", ") + "."
}

// BeforeResolve runs when the flags are parsed.
func (sv *serveCmd) BeforeResolve(ctx *kong.Context) error {
	sv.sources = readSources(ctx)
	return nil
}

// config puts the settings together from wherever they are, or returns everything that is wrong with them, joined.
func (sv *serveCmd) config(log *slog.Logger) (server.Config, error) {
	return sv.sources.config(server.Config(sv.Settings), sv.Check, log)
}

// Run is throng serve.
func (sv *serveCmd) Run() error {
	start := time.Now()
	terminal := term.IsTerminal(int(os.Stderr.Fd()))
	log := newLog(terminal)
	warnings := log
	if !sv.Check {
		warnings = slog.New(slog.DiscardHandler) // server.New has the same
	}
	cfg, err := sv.config(warnings)
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	if sv.Check {
		if err := cfg.CheckFiles(); err != nil {
			return err
		}
		_, err := fmt.Printf("ok: %s\n", sv.sources.file)
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
		greet(cfg, srv, sv.sources.file, start)
	} else {
		log.Info("ready", "version", version, "pid", os.Getpid(), "config", sv.sources.file.String(), "listen", srv.Addr().String(),
			"admin", addressOf(srv.AdminAddr()), "max_connections", srv.MaxConnections(), "max_message", cfg.MaxMessage,
			"max_unsent", cfg.MaxUnsent, "rate", cfg.Rate, "access", access(srv.Addr(), srv.LetsGuestsIn(), srv.KnowsTokens()),
			"rooms", otherRooms(srv.OtherRooms(), len(cfg.Rooms)), "api", apiText(cfg, srv), "loops", srv.Shards())
	}
	return srv.Run(ctx)
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
