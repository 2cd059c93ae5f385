package durability

import (
	"context"
	"errors"
	"os"
	"path/filepath"
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
