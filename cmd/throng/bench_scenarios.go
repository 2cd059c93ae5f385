package main

import (
	"errors"
	"time"

	"github.com/throng-chat/throng/bench"
)

// Each scenario that is one run is a command: its flags make a Config, which is measured.
type (
	chatCmd      struct{ talk }
	broadcastCmd struct{ talk }
	echoCmd      struct {
		scenario
		messages
	}
	idleCmd struct {
		scenario
		Rate     *int           `help:"WebSocket pings per second, all connections together (default 20); 0 for none."`
		Churn    *share         `help:"Share of the connections that leave and rejoin per minute, such as 10% (default 0)."`
		Duration *time.Duration `help:"Time to hold the connections (default 10s)."`
	}
	connectCmd struct{ scenario }
	stormCmd   struct {
		talk
		Kill   *share        `help:"Share of the connections to kill (default 50%)."`
		By     string        `default:"rst" enum:"rst,fin,silence" help:"How to kill them: rst (TCP reset), fin (TCP close without a close frame) or silence (no further response)."`
		Jitter time.Duration `help:"Spread the reconnects randomly over this time."`
	}
	slowCmd struct {
		talk
		Slow *share `help:"Share of the connections that stop reading (default 10%)."`
	}
)

// Run is throng bench chat, and the others below theirs.
func (c *chatCmd) Run() error {
	cfg, err := c.config(bench.Chat)
	return c.measure(cfg, err, bench.Run)
}

// Run is throng bench broadcast.
func (c *broadcastCmd) Run() error {
	cfg, err := c.config(bench.Broadcast)
	return c.measure(cfg, err, bench.Run)
}

// Run is throng bench echo.
func (c *echoCmd) Run() error {
	cfg, err := c.config(bench.Echo)
	err = errors.Join(err, c.messages.apply(&cfg))
	return c.measure(cfg, err, bench.Run)
}

// Run is throng bench idle.
func (c *idleCmd) Run() error {
	cfg, err := c.config(bench.Idle)
	set(&cfg.Rate, c.Rate)
	set((*share)(&cfg.Churn), c.Churn)
	set(&cfg.Duration, c.Duration)
	if cfg.Churn > 0 {
		cfg.Publishers = max(1, cfg.Connections/20) // those that are pinged stay
	}
	return c.measure(cfg, err, bench.Run)
}

// Run is throng bench connect.
func (c *connectCmd) Run() error {
	cfg, err := c.config(bench.Connect)
	return c.measure(cfg, err, bench.Run)
}

// Run is throng bench storm.
func (c *stormCmd) Run() error {
	cfg, err := c.config(bench.Storm)
	set((*share)(&cfg.Kill), c.Kill)
	cfg.By, cfg.Jitter = c.By, c.Jitter
	return c.measure(cfg, err, bench.Run)
}

// Run is throng bench slow.
func (c *slowCmd) Run() error {
	cfg, err := c.config(bench.Slow)
	set((*share)(&cfg.Slow), c.Slow)
	return c.measure(cfg, err, bench.Run)
}
