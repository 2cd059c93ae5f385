//go:build linux

package crashtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"

	"github.com/throng-chat/throng/server/broker/testdisk"
)

// imageSize is the size of the file system of PowerLoss, in bytes. A copy is quick.
const imageSize = 128 << 20

// PowerLoss takes the power from a file system in each round. It returns testdisk.ErrNoDisk where file systems cannot be mounted.
func PowerLoss(o Options) (result Result, err error) {
	random, l := rand.New(rand.NewPCG(o.Seed, 4)), newLedger()
	image := filepath.Join(o.Dir, "0.img")
	if err := testdisk.MakeImage(image, imageSize); err != nil {
		return l.result, err
	}
	for round := range o.Rounds {
		snapshot := filepath.Join(o.Dir, fmt.Sprintf("%d.img", round+1))
		if err := o.lose(l, image, snapshot, crashAt(random)); err != nil {
			return l.result, err
		}
		if err := os.Remove(image); err != nil {
			return l.result, err
		}
		image = snapshot
	}
	return l.result, os.Remove(image)
}

// lose runs a child on an image, copies the image at a moment and checks the copy.
func (o Options) lose(l *ledger, image, snapshot string, at int) error {
	before, err := testdisk.Mount(image, image+".mnt")
	if err != nil {
		return err
	}
	c, err := o.start(filepath.Join(before.Path, "data"))
	if err != nil {
		return errors.Join(err, before.Unmount())
	}
	var lossErr error
	readErr := l.read(c.events, func(n int) {
		if n == at {
			lossErr = errors.Join(c.cmd.Process.Signal(syscall.SIGSTOP), testdisk.Snapshot(image, snapshot), c.kill())
		}
	})
	if err := errors.Join(readErr, lossErr, c.wait(), before.Unmount()); err != nil {
		return err
	}
	after, err := testdisk.Mount(snapshot, snapshot+".mnt")
	if err != nil {
		return err
	}
	return errors.Join(l.check(filepath.Join(after.Path, "data")), after.Unmount())
}
