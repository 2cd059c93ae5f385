package main

import (
	"errors"
	"time"

	"github.com/throng-chat/throng/bench"
)

// The commands of the scenarios that are one run. Their flags make the Config of the run.
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

		KillNode int `placeholder:"PID" help:"Kill the process of one of the --targets (SIGKILL) instead of connections: its clients return at the others."`
		StopNode int `placeholder:"PID" help:"Stop the process of one of the --targets gracefully (SIGTERM), in the same way."`
	}
	slowCmd struct {
		talk
		Slow *share `help:"Share of the connections that stop reading (default 10%)."`
	}
)

// Run runs throng bench chat.
func (ch *chatCmd) Run() error {
	cfg, err := ch.config(bench.Chat)
	return measure(cfg, err, bench.Run, ch.write)
}

// Run runs throng bench broadcast.
func (br *broadcastCmd) Run() error {
	cfg, err := br.config(bench.Broadcast)
	return measure(cfg, err, bench.Run, br.write)
}

// Run runs throng bench echo.
func (ec *echoCmd) Run() error {
	cfg, err := ec.config(bench.Echo)
	err = errors.Join(err, ec.messages.apply(&cfg))
	return measure(cfg, err, bench.Run, ec.write)
}

// Run runs throng bench idle.
func (id *idleCmd) Run() error {
	cfg, err := id.config(bench.Idle)
	set(&cfg.Rate, id.Rate)
	set((*share)(&cfg.Churn), id.Churn)
	set(&cfg.Duration, id.Duration)
	if cfg.Churn > 0 {
		cfg.Publishers = max(1, cfg.Connections/20) // the connections that send pings stay
	}
	return measure(cfg, err, bench.Run, id.write)
}

// Run runs throng bench connect.
func (cn *connectCmd) Run() error {
	cfg, err := cn.config(bench.Connect)
	return measure(cfg, err, bench.Run, cn.write)
}

// Run runs throng bench storm.
func (st *stormCmd) Run() error {
	cfg, err := st.config(bench.Storm)
	set((*share)(&cfg.Kill), st.Kill)
	cfg.By, cfg.Jitter = st.By, st.Jitter
	if st.KillNode != 0 || st.StopNode != 0 {
		cfg.Node, cfg.Drains, cfg.Kill = st.KillNode+st.StopNode, st.StopNode != 0, 0
		if st.Kill != nil || st.KillNode != 0 && st.StopNode != 0 {
			err = errors.Join(err, errors.New("kill, kill-node and stop-node: more than one given: give one of them"))
		}
	}
	return measure(cfg, err, bench.Run, st.write)
}

// Run runs throng bench slow.
func (sl *slowCmd) Run() error {
	cfg, err := sl.config(bench.Slow)
	set((*share)(&cfg.Slow), sl.Slow)
	return measure(cfg, err, bench.Run, sl.write)
}
