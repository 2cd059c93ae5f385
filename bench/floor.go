package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// The floor's run is short: it has no collector of garbage, no caches to fill, and nothing to settle.
const (
	floorWarmup   = 500 * time.Millisecond
	floorDuration = 3 * time.Second
	// floorPerS is how many deliveries a second it is asked for at most: half of what a core can send one by one. A server that
	// batches holds more; what one delivery costs the kernel is told as well by less.
	floorPerS = 80_000
)

// addFloor gives a result the floor of its load, which was cfg's, or says why there is none.
func addFloor(ctx context.Context, cfg Config, to *result.Result, tell func(Progress)) {
	if !cfg.Floor || to.Interrupted || to.Target.PID == 0 {
		return
	}
	r := &run{cfg: &cfg, layout: layOut(&cfg), tell: tell, result: to}
	if err := r.measureFloor(ctx); err != nil {
		r.note("no floor: %v", err)
	}
}

// measureFloor does the same again with a server that does nothing but what the kernel must: the same number of connections in
// the same rooms, the same messages, on the server's processors.
func (r *run) measureFloor(ctx context.Context) (err error) {
	switch {
	case r.cfg.Protocol.Name != "plain":
		return fmt.Errorf("it supports only --protocol plain, and %s sends other bytes", r.cfg.Protocol.Name)
	case r.result.Plan.Closed > 0:
		return errors.New("the load of a closed loop depends on the server")
	}
	child, err := StartServer(ctx, func(address, _ string) []string { return []string{"bench", "floor", "--listen", address} })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.Stop()) }()
	if err := sameProcessors(child.PID, r.result.Target.PID); err != nil {
		return err
	}
	floor, err := Run(ctx, r.floorConfig(child), r.tell)
	if err != nil {
		return err
	}
	if floor.Interrupted {
		return context.Canceled
	}
	if d := &floor.Delivery; d.Closed > 0 || d.Lost > 0 {
		return fmt.Errorf("the floor did not hold the load either: %s of %s deliveries lost, %s closed", result.Thousands(d.Lost), result.Thousands(d.Expected), result.Number(d.Closed, "connection"))
	}
	f, s := &result.Floor{PerDelivery: floor.Server.PerDelivery, PerUpgrade: floor.Server.PerUpgrade, PerS: floor.Delivery.PerS}, &r.result.Server
	if f.PerDelivery > 0 && s.PerDelivery > 0 {
		f.DeliveryRatio = s.PerDelivery / f.PerDelivery
	}
	if f.PerUpgrade > 0 && s.PerUpgrade > 0 {
		f.UpgradeRatio = s.PerUpgrade / f.PerUpgrade
	}
	r.result.Floor = f
	return nil
}

// floorConfig is the same load for the floor: nothing happens to its connections, and it is no more than a core can send.
func (r *run) floorConfig(child *Child) Config {
	cfg := *r.cfg
	cfg.Headers, cfg.Subprotocol = nil, ""
	cfg.URLs, cfg.PID, cfg.Metrics, cfg.Floor, cfg.Thresholds = []string{child.URL}, child.PID, "", false, nil
	cfg.Churn, cfg.Kill, cfg.Slow, cfg.Resume, cfg.NoEcho = 0, 0, 0, false, false
	if cfg.Scenario == Storm || cfg.Scenario == Slow {
		cfg.Scenario = Broadcast // the same rooms and the same messages
	}
	cfg.Auto, cfg.Warmup, cfg.Duration = false, floorWarmup, min(cfg.Duration, floorDuration)
	if cfg.silentRun() {
		cfg.Scenario, cfg.Rate = Connect, 0
		return cfg
	}
	cfg.Publishers = cfg.publishers() // a lower rate has as many
	if perMessage := r.layout.fanOut(cfg.Publishers); perMessage*float64(cfg.Rate) > floorPerS {
		cfg.Rate = max(1, int(floorPerS/perMessage))
	}
	return cfg
}
