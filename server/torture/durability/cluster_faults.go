package durability

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// wait waits for a random time of at most most. It returns false when ctx has ended.
func (cd *ClusterRound) wait(ctx context.Context, most time.Duration) bool {
	return cd.sleep(ctx, time.Duration(cd.Random.Int64N(int64(most))))
}

func (cd *ClusterRound) sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// outage is how long a node stays down, or parted.
const outage = 4 * time.Second

// KillOwner returns a fault that kills the node that owns the log.
func KillOwner() ClusterFault { return kill(true, false) }

// KillLeader returns a fault that kills the node that leads the storage of the log.
func KillLeader() ClusterFault { return kill(false, true) }

// KillBoth returns a fault that kills the owner and the leader, at the same moment if they are two nodes: then no majority is left until they start
// again.
func KillBoth() ClusterFault { return kill(true, true) }

func kill(owner, leader bool) ClusterFault {
	return func(ctx context.Context, rd *ClusterRound) error {
		if !rd.wait(ctx, time.Second) {
			return ctx.Err()
		}
		n, err := rd.run.owner(ctx)
		if err != nil {
			return err
		}
		lead := rd.run.nodes[rd.run.leader.Load()]
		switch {
		case owner && leader && n != lead:
			err = errors.Join(n.kill(), lead.kill())
		case owner:
			err = n.kill()
		default:
			err = lead.kill()
		}
		rd.sleep(ctx, outage)
		return err
	}
}

// Suspend returns a fault that stops the process of the owner for a time (SIGSTOP), as a machine that swaps.
func Suspend(d time.Duration) ClusterFault {
	return func(ctx context.Context, rd *ClusterRound) error {
		n, err := rd.run.owner(ctx)
		if err != nil {
			return err
		}
		if err := n.signal(syscall.SIGSTOP); err != nil {
			return err
		}
		rd.sleep(ctx, d)
		return n.signal(syscall.SIGCONT)
	}
}

// Roll returns a fault that stops and starts each node gracefully, one after another.
func Roll() ClusterFault {
	return func(ctx context.Context, rd *ClusterRound) error { return rd.roll(ctx) }
}

// Upgrade returns a fault that replaces the program of each node by that of the run, one node after another, and then by the one before again.
func Upgrade() ClusterFault {
	return func(ctx context.Context, rd *ClusterRound) error {
		for _, before := range []bool{false, true} {
			for _, n := range rd.run.nodes {
				n.before = before // from its next start
			}
			if err := rd.roll(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// roll stops and starts each node gracefully, one after another.
func (cd *ClusterRound) roll(ctx context.Context) error {
	for _, n := range cd.run.nodes {
		if err := n.stop(); err != nil {
			return err
		}
		if err := cd.run.awaitWhole(ctx); err != nil {
			return err
		}
		if err := cd.run.awaitAcks(ctx, 50); err != nil {
			return err
		}
	}
	return nil
}

// Part returns a fault that stops all that the owner sends, or all that it receives, or both.
func Part(sends, receives bool) ClusterFault {
	return func(ctx context.Context, rd *ClusterRound) error {
		n, err := rd.run.owner(ctx)
		if err != nil {
			return err
		}
		if err := rd.run.Network.part(n.number, sends, receives); err != nil {
			return err
		}
		rd.sleep(ctx, 2*outage)
		return rd.run.Network.heal()
	}
}

// Cut returns a fault that stops what the owner and another node send to each other. The third node reaches both.
func Cut() ClusterFault {
	return func(ctx context.Context, rd *ClusterRound) error {
		n, err := rd.run.owner(ctx)
		if err != nil {
			return err
		}
		other := (n.number + 1 + rd.Random.IntN(len(rd.run.nodes)-1)) % len(rd.run.nodes)
		if err := rd.run.Network.cut(n.number, other); err != nil {
			return err
		}
		rd.sleep(ctx, 3*outage)
		before := rd.run.counts.acks.Load()
		rd.sleep(ctx, outage)
		if rd.run.counts.acks.Load() == before && ctx.Err() == nil {
			err = errors.New("no publication is acknowledged while two nodes do not reach each other, and both reach the third one")
		}
		return errors.Join(err, rd.run.Network.heal())
	}
}

// Flap returns a fault that parts a random node again and again, for a time.
func Flap(d time.Duration) ClusterFault {
	return func(ctx context.Context, rd *ClusterRound) error {
		for end := time.Now().Add(d); time.Now().Before(end); {
			if err := rd.run.Network.part(rd.Random.IntN(len(rd.run.nodes)), true, true); err != nil {
				return err
			}
			rd.wait(ctx, 3*time.Second)
			if err := rd.run.Network.heal(); err != nil {
				return err
			}
			if !rd.wait(ctx, 2*time.Second) {
				return ctx.Err()
			}
		}
		return nil
	}
}
