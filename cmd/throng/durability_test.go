//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/torture/durability"
)

// judge runs throng serve --data under load with a fault, and fails the test if the oracle finds a broken promise. make torture does so with
// many rounds.
func judge(t *testing.T, cfg durability.Config) durability.Result {
	t.Helper()
	cfg.Command = func(args ...string) *exec.Cmd { return throng(t, args...) }
	cfg.Dir, cfg.Seed, cfg.Publishers, cfg.Rooms, cfg.Subscribers = t.TempDir(), 1, 16, 4, 2
	res, err := durability.Run(t.Context(), cfg)
	if err != nil {
		log, readErr := os.ReadFile(filepath.Join(cfg.Dir, "server.log"))
		t.Fatalf("%v\n%s%v", err, log, readErr)
	}
	if !res.Verdict.OK() {
		var text strings.Builder
		if err := res.Verdict.WriteText(&text); err != nil {
			t.Error(err)
		}
		t.Error(text.String())
	}
	t.Logf("%d acknowledged, %d rejected, %d subscriptions recovered, %d did not", res.Acks, res.Rejected, res.Recovered, res.NotRecovered)
	return res
}

func TestAKilledServerLosesNothingThatItAcknowledged(t *testing.T) {
	t.Parallel()
	res := judge(t, durability.Config{Rounds: 4, Fault: durability.Kill(300 * time.Millisecond)})
	if res.Recovered == 0 {
		t.Error("no subscription recovered after a restart")
	}
}

func TestAStoppedServerLosesNothing(t *testing.T) {
	t.Parallel()
	res := judge(t, durability.Config{Rounds: 3, Fault: durability.Stop(300 * time.Millisecond)})
	if res.Recovered == 0 {
		t.Error("no subscription recovered after a restart")
	}
}

// ownDisk returns a small file system, where the test may have one.
func ownDisk(t *testing.T, bytes int64) (d *durability.Disk, data string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("it mounts a file system: only root may do that")
	}
	dir := t.TempDir()
	mount := filepath.Join(dir, "mount")
	if err := os.Mkdir(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := durability.NewDisk(filepath.Join(dir, "disk.img"), mount, bytes)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, filepath.Join(mount, "data")
}

func TestALossOfPowerLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	d, data := ownDisk(t, 1<<30)
	judge(t, durability.Config{Data: data, Rounds: 3, Fault: durability.PowerLoss(d, 300*time.Millisecond)})
}

func TestAFullDiskRejectsAndHeals(t *testing.T) {
	t.Parallel()
	_, data := ownDisk(t, 640<<20)
	judge(t, durability.Config{Data: data, Rounds: 2, Fault: durability.FillDisk()})
}

func TestADiskWithErrorsRejectsAndHeals(t *testing.T) {
	t.Parallel()
	if err := durability.CanInject(t.Context()); err != nil {
		t.Skip(err)
	}
	judge(t, durability.Config{Rounds: 2, Fault: durability.Inject("fsync,fdatasync,pwrite64", "error=EIO", 100*time.Millisecond, true)})
}
