package main

import (
	"cmp"
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
	"github.com/throng-chat/throng/server/audit"
)

// serverConfig is server.Config without its methods. kong would call Validate after it parsed the flags, before the tables of the config
// file are read.
type serverConfig server.Config

// serveCmd is the command throng serve. Each setting of the server is a flag, an environment variable THRONG_NAME and a key of the config
// file.
type serveCmd struct {
	Settings serverConfig `embed:""`

	Config string `type:"path" help:"Config file (TOML). By default the first of ./throng.toml, ~/.config/throng/throng.toml and /etc/throng/throng.toml that exists." config:"-"`
	Check  bool   `help:"Check the settings and exit." config:"-"`

	sources *sources
	args    []string // of the command line
}

// Help returns the second paragraph of throng serve --help.
func (*serveCmd) Help() string {
	return "Rooms, tokens, the API and webhooks are tables of the config file. Secrets are set in the file or in the environment, which takes precedence: " +
		strings.Join(slices.Sorted(maps.Values(secrets)), ", ") + "."
}

// BeforeResolve reads the other sources of settings. kong calls it after it parsed the flags.
func (sv *serveCmd) BeforeResolve(ctx *kong.Context) error {
	sv.sources, sv.args = readSources(ctx), ctx.Args
	return nil
}

// load reads all sources of settings again: the command line and the environment, which cannot change, and the config file that was used at
// the start. A file that is missing now is an error, since the defaults in its place would open the server.
func (sv *serveCmd) load() (server.Config, error) {
	args := slices.Clone(sv.args)
	if path := sv.sources.file.path; path != "" {
		args = append(args, "--config="+path)
	}
	again, err := parseServe(args)
	if err != nil {
		return server.Config{}, err
	}
	return again.checked(slog.New(slog.DiscardHandler))
}

// parseServe parses a command line of throng serve.
func parseServe(args []string) (*serveCmd, error) {
	var again struct { // without the other commands, which would take most of the time
		Serve serveCmd `cmd:""`
	}
	_, err := newParser(&again).Parse(args)
	return &again.Serve, err
}

// config merges the settings of all sources. It returns all errors in them, joined.
func (sv *serveCmd) config(log *slog.Logger) (server.Config, error) {
	return sv.sources.config(server.Config(sv.Settings), machineChecks{}, log)
}

// checked is config, and also returns errors in the certificates, and with --check in what the server opens at its start.
func (sv *serveCmd) checked(log *slog.Logger) (server.Config, error) {
	return sv.sources.config(server.Config(sv.Settings), machineChecks{owned: sv.Check, certificates: true}, log)
}

// Run runs the server until a signal stops it, or checks the settings with --check.
func (sv *serveCmd) Run() error {
	start, hangups := time.Now(), surviveSignals()
	terminal := term.IsTerminal(int(os.Stderr.Fd()))
	log := newLog(sv.Settings.LogFormat, terminal)
	warnings := log
	if !sv.Check {
		warnings = slog.New(slog.DiscardHandler) // server.New logs them
	}
	cfg, err := sv.checked(warnings)
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	if sv.Check {
		if err := errors.Join(cfg.CheckFiles(), cfg.WarnOfCertificates(log)); err != nil {
			return err
		}
		_, err := fmt.Printf("ok: %s\n", sv.sources.file)
		return err
	}
	cfg.Version, cfg.Commit = version, commitOf(buildInfo())
	srv, err := server.New(cfg, log)
	if err != nil {
		return inUse(err)
	}

	log = srv.Logger() // which never blocks
	manager := serviceManager{log}
	srv.SetLoader(server.Loader{Load: sv.load, Notify: manager.reload})
	ctx, stop := handleSignals(hangups, manager.stopping, func() { srv.Reload(audit.Actor{Type: audit.BySignal, Name: "SIGHUP"}) })
	defer stop()
	srv.Stopping, srv.Doctor = manager.stopping, examine

	if admin := srv.AdminAddr(); admin != nil && !isLocal(admin) && cfg.TLS.AdminClientCA == "" {
		if cfg.Live.Password != "" && !cfg.TLS.Admin {
			log.Warn("the admin port has no TLS, so the network can read the password of its operators: set admin = true under [tls], or --admin 127.0.0.1:3001", "admin", admin.String())
		}
		if cfg.Live.Password == "" {
			log.Warn("the admin port is open to the network: every client that reaches it can list and close connections; to restrict it to this machine: --admin 127.0.0.1:3001",
				"admin", admin.String())
		}
	}
	if len(cfg.TrustedProxies) > 0 && len(cfg.Hosts) == 0 && isLoopback(cmp.Or(srv.Addr(), srv.TLSAddr())) {
		log.Warn("throng rejects requests that a proxy forwards with a host name (421): list the name of the site, such as --host chat.example")
	}
	if !srv.GuestsAllowed() && !srv.TokensEnabled() && cfg.Webhooks.URL == "" {
		log.Warn("no client can connect: guests are off, and there is no key under [token] (to allow guests under any name: --guests on)")
	}
	if open := openRooms(cfg.Rooms); srv.TokensEnabled() && srv.GuestsAllowed() && len(open) > 0 {
		log.Warn(`clients without a token may join the rooms of these patterns (to change this: subscribe = "signed-in")`, "patterns", strings.Join(open, " "))
	}
	srv.Ready = func() {
		if terminal {
			printBanner(cfg, srv, sv.sources.file, start)
		} else {
			log.Info("ready", "version", version, "pid", os.Getpid(), "config", sv.sources.file.String(), "listen", addressOf(srv.Addr()),
				"tls_listen", addressOf(srv.TLSAddr()),
				"admin", addressOf(srv.AdminAddr()), "grpc", addressOf(srv.GRPCAddr()), "max_connections", srv.MaxConnections(), "max_message", cfg.MaxMessage,
				"max_unsent", cfg.MaxUnsent, "rate", cfg.Rate, "access", access(mostPublic(srv), srv.GuestsAllowed(), srv.TokensEnabled()),
				"rooms", otherRooms(srv.OtherRooms(), len(cfg.Rooms)), "api", apiText(cfg, srv), "loops", srv.Shards())
		}
		manager.ready()
	}
	return inUse(srv.Run(ctx))
}

// inUse adds the exit code to an error about what another process uses: an address, the data directory or the name of the node.
func inUse(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return &exitError{code: exitInUse, err: fmt.Errorf("%w: stop the server that uses it, or choose another address with --listen, --tls-listen, --grpc-listen, --cluster-listen and --admin", plainInUse(err))}
	}
	if server.IsDataInUse(err) {
		return &exitError{code: exitInUse, err: err}
	}
	return err
}

// plainInUse returns an address-in-use error without the name of the system call.
func plainInUse(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return fmt.Errorf("cannot listen on %v: %w", op.Addr, syscall.EADDRINUSE)
	}
	return err
}

// newLog returns a log of all levels on standard error, in a log-format: text, or one JSON object per line. Text on a terminal has colors and
// no date.
func newLog(format string, terminal bool) *slog.Logger {
	text := format == "text" || format != "json" && terminal
	switch {
	case text && terminal:
		return slog.New(tint.NewTextHandler(os.Stderr, &tint.Options{Level: slog.LevelDebug, TimeFormat: time.TimeOnly, NoColor: os.Getenv("NO_COLOR") != ""}))
	case text:
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
