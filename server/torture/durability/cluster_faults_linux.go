package durability

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/throng-chat/throng/server/broker/testdisk"
)

// FillOneDisk returns a fault that fills the file system of the first node for a time. It must be small, and of its own.
func FillOneDisk() ClusterFault {
	return func(ctx context.Context, rd *ClusterRound) error {
		filler := filepath.Join(filepath.Dir(rd.run.Data), "filler")
		err := fill(filler)
		rd.sleep(ctx, 2*outage)
		return errors.Join(err, os.Remove(filler))
	}
}

// PowerLossOfOne returns a fault that cuts the power of the first node, as PowerLoss does: it starts again with what its file system had written to its
// device. The others go on.
func PowerLossOfOne(d *Disk) ClusterFault {
	return func(ctx context.Context, rd *ClusterRound) error {
		if !rd.wait(ctx, time.Second) {
			return ctx.Err()
		}
		n := rd.run.nodes[0]
		if err := n.signal(syscall.SIGSTOP); err != nil {
			return fmt.Errorf("stop the node: %w", err)
		}
		lost := d.image + ".lost"
		err := testdisk.Snapshot(d.image, lost)
		err = errors.Join(err, n.kill(), d.replace(lost))
		rd.sleep(ctx, outage)
		return err
	}
}
