package server

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/settings"
)

// maxReloads is the number of reloads that run or wait, at most.
const maxReloads = 16

// Loader reads the settings of a reload. Server.Reload calls its functions on its goroutine, one call at a time. They may block.
type Loader struct {
	Load   func() (Config, error) // all sources again; an error may have several lines
	Notify func(done bool)        // at the begin and at the end of a reload; nil for none
}

// reloads runs the reloads of a server.
type reloads struct {
	// Constant after start.
	log          *slog.Logger
	metrics      *metrics.Metrics
	loader       Loader
	draining     func() bool
	audit        *audit.Log
	certificates func() bool                           // reads them again, soon
	prepare      func(*Config) (use func(), err error) // checks a config, and returns how to put it into use
	places       chan struct{}                         // of the reloads that run or wait

	success atomic.Int64 // Unix time of the last reload that was applied, or of the start
	failed  atomic.Bool  // the last one was invalid

	mu     sync.Mutex // held for a whole reload; no goroutine of the loop takes it
	config Config     // in effect, as it was loaded: max-connections and rooms may be 0 and auto. Guarded by mu
}

// start begins with a config as it was loaded.
func (re *reloads) start(loaded Config) {
	re.places = make(chan struct{}, maxReloads)
	re.config = loaded
	re.success.Store(time.Now().Unix())
	re.metrics.Gauge("throng_reload_success_timestamp", "Unix time of the last reload that was applied, or of the start.",
		func() float64 { return float64(re.success.Load()) })
	re.metrics.Gauge("throng_reload_failed", "1 if the settings of the last reload were invalid, so that those before it are in use; else 0.", func() float64 {
		if re.failed.Load() {
			return 1
		}
		return 0
	})
}

// run is Server.Reload.
func (re *reloads) run(by audit.Actor) admin.Reload {
	select {
	case re.places <- struct{}{}:
		defer func() { <-re.places }()
	default:
		return re.done(by, admin.Reload{Result: metrics.ReloadRejected, Errors: []string{fmt.Sprintf("%d reloads are in progress: nothing changed, retry later", maxReloads)}})
	}
	re.mu.Lock()
	defer re.mu.Unlock()
	if re.draining() {
		return re.done(by, admin.Reload{Result: metrics.ReloadRejected, Errors: []string{"the server is stopping: nothing changed"}})
	}
	if re.loader.Notify != nil {
		re.loader.Notify(false)
		defer re.loader.Notify(true)
	}
	re.certificates()
	if err := re.audit.Reopen(); err != nil {
		re.log.Error("audit log not opened again: the open file stays in use", "error", err)
	}
	if re.loader.Load == nil {
		return re.done(by, admin.Reload{Result: metrics.ReloadApplied})
	}
	cfg, err := re.loader.Load()
	var changes settings.Changes
	if err == nil {
		changes, err = re.apply(cfg)
	}
	if err != nil {
		re.failed.Store(true)
		return re.done(by, admin.Reload{Result: metrics.ReloadInvalid, Errors: strings.Split(err.Error(), "\n")})
	}
	re.failed.Store(false)
	re.success.Store(time.Now().Unix())
	result := metrics.ReloadApplied
	if len(changes.NeedsRestart) > 0 {
		result = metrics.ReloadPartial
	}
	return re.done(by, admin.Reload{Result: result, Applied: changes.Reloadable, NeedsRestart: changes.NeedsRestart})
}

// done counts and logs the result of a reload.
func (re *reloads) done(by audit.Actor, r admin.Reload) admin.Reload {
	re.metrics.Reloads.WithLabelValues(r.Result).Inc()
	re.audit.Record(audit.Entry{
		Action: audit.Reload, Actor: by, Error: strings.Join(r.Errors, "; "),
		Details: []slog.Attr{slog.Any("settings", append([]string{}, r.Applied...)), slog.Any("needs_restart", append([]string{}, r.NeedsRestart...))},
	})
	for _, text := range r.Errors {
		re.log.Error("settings not reloaded: those before stay in use", "by", by.String(), "error", text)
	}
	if len(r.NeedsRestart) > 0 {
		re.log.Warn("some settings need a restart: those before stay in use", "by", by.String(), "settings", strings.Join(r.NeedsRestart, ", "))
	}
	if len(r.Errors) == 0 {
		re.log.Info("settings reloaded", "by", by.String(), "changed", strings.Join(r.Applied, ", "))
	}
	return r
}

// apply checks a config, and puts its settings into use that may change. On an error nothing has changed. reloads.mu is held.
func (re *reloads) apply(cfg Config) (settings.Changes, error) {
	cfg.Version, cfg.Commit = re.config.Version, re.config.Commit
	if err := cfg.Validate(); err != nil {
		return settings.Changes{}, err
	}
	cfg = cfg.clone()
	var kept []string
	if chat.ChangesKinds(re.config.Rooms, cfg.Rooms) {
		// Which rooms are durable, and which are chat rooms, must not change while they exist.
		kept, cfg.Rooms = re.roomChanges(cfg.Rooms), slices.Clone(re.config.Rooms)
	}
	changes := settings.Merge(&re.config, &cfg)
	changes.NeedsRestart = append(changes.NeedsRestart, kept...)
	loaded := cfg
	if len(changes.NeedsRestart) > 0 {
		if err := cfg.Validate(); err != nil {
			return changes, fmt.Errorf("%w\nthese settings need a restart together with: %s", err, strings.Join(changes.NeedsRestart, ", "))
		}
	}
	_, most, err := cfg.openFiles()
	if err != nil {
		return changes, err
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = most
	}
	use, err := re.prepare(&cfg)
	if err != nil {
		return changes, err
	}
	use()
	re.config = loaded
	return changes, nil
}

// roomChanges names the changes of the [[room]] tables. reloads.mu is held.
func (re *reloads) roomChanges(rooms []chat.RoomOptions) []string {
	only := re.config.clone()
	only.Rooms = slices.Clone(rooms)
	changes := settings.Merge(&re.config, &only)
	return append(changes.NeedsRestart, changes.Reloadable...)
}

// clone returns a copy that shares no slice with c.
func (c Config) clone() Config {
	c.Rooms, c.APIKeys, c.Pairs = slices.Clone(c.Rooms), slices.Clone(c.APIKeys), slices.Clone(c.Pairs)
	return c
}
