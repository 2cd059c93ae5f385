package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/tlsclient"
)

// The floor's run is short, because the floor has no garbage collector, no caches and no warm-up.
const (
	floorWarmup   = 500 * time.Millisecond
	floorDuration = 3 * time.Second
	// floorPerS is the highest rate of deliveries a second for the floor: half of what one core can send one by one. A server that sends
	// several messages together reaches more, but the cost of one delivery can be measured at this rate.
	floorPerS = 80_000
)

// addFloor measures the floor of the load cfg and adds it to a result, or a note with the reason why there is none.
func addFloor(ctx context.Context, cfg Config, to *result.Result, onProgress func(Progress)) {
	if !cfg.Floor || to.Interrupted || to.Target.PID == 0 {
		return
	}
	r := &run{cfg: &cfg, layout: layOut(&cfg), onProgress: onProgress, result: to}
	if err := r.measureFloor(ctx); err != nil {
		r.note("no floor: %v", err)
	}
}

// measureFloor repeats the load with a server that only makes the necessary system calls, on the processors of the measured server: the
// same number of connections, the same rooms and the same messages. It has no TLS and no
// compression, so a multiple of it shows what they cost.
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
	floor, err := Run(ctx, r.floorConfig(child), r.onProgress)
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

// floorConfig returns the load of the floor's run: the same load without events on its connections, and with at most floorPerS deliveries a
// second.
func (r *run) floorConfig(child *Child) Config {
	cfg := *r.cfg
	cfg.Headers, cfg.Subprotocol, cfg.TLS, cfg.Compress = nil, "", tlsclient.Settings{}, false
	cfg.URLs, cfg.PIDs, cfg.Metrics, cfg.Floor, cfg.Thresholds = []string{child.URL}, []int{child.PID}, "", false, nil
	cfg.Spread, cfg.Node = false, 0
	cfg.Churn, cfg.Kill, cfg.Slow, cfg.Resume, cfg.NoEcho = 0, 0, 0, false, false
	if cfg.Scenario == Storm || cfg.Scenario == Slow {
		cfg.Scenario = Broadcast // the same rooms and messages
	}
	cfg.Auto, cfg.Warmup, cfg.Duration = false, floorWarmup, min(cfg.Duration, floorDuration)
	if cfg.silentRun() {
		cfg.Scenario, cfg.Rate = Connect, 0
		return cfg
	}
	cfg.Publishers = cfg.publishers() // the same number also at a lower rate
	if perMessage := r.layout.fanOut(cfg.Publishers); perMessage*float64(cfg.Rate) > floorPerS {
		cfg.Rate = max(1, int(floorPerS/perMessage))
	}
	return cfg
}
