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
)

// measureFloor does the same again with a server that does nothing but what the kernel must: the same number of connections in
// the same rooms, the same messages. It is on the server's processors.
func (r *run) measureFloor(ctx context.Context) (err error) {
	if r.cfg.Protocol.Name != "plain" || r.result.Plan.Closed > 0 {
		return nil // another protocol's bytes are another load, and a closed loop's load depends on the server
	}
	child, err := StartServer(ctx, func(address, _ string) []string { return []string{"bench", "floor", "--listen", address} })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.Stop()) }()
	if err := sameProcessors(child.PID, r.result.Target.PID); err != nil {
		return err
	}
	cfg := *r.cfg
	cfg.URLs, cfg.PID, cfg.Metrics, cfg.Floor, cfg.Thresholds = []string{child.URL}, child.PID, "", false, nil
	cfg.Churn, cfg.Kill, cfg.Slow, cfg.NoEcho = 0, 0, 0, false
	cfg.Auto, cfg.Warmup, cfg.Duration = false, floorWarmup, min(cfg.Duration, floorDuration)
	if r.cfg.Scenario == Idle || r.cfg.Scenario == Connect {
		cfg.Scenario = Connect
	}
	floor, err := Run(ctx, cfg, r.tell)
	if err != nil {
		return err
	}
	if floor.Interrupted {
		return context.Canceled
	}
	f := &result.Floor{PerDelivery: floor.Server.PerDelivery, PerUpgrade: floor.Server.PerUpgrade}
	s := &r.result.Server
	if f.PerDelivery > 0 && s.PerDelivery > 0 {
		f.DeliveryRatio = s.PerDelivery / f.PerDelivery
	}
	if f.PerUpgrade > 0 && s.PerUpgrade > 0 {
		f.UpgradeRatio = s.PerUpgrade / f.PerUpgrade
	}
	if floor.Delivery.Closed > 0 || floor.Delivery.Lost > 0 {
		return fmt.Errorf("it did not hold: %v", floor.Verdict.Why)
	}
	r.result.Floor = f
	return nil
}
