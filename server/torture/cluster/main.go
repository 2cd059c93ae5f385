//go:build linux

// Cluster runs clusters of three processes under load, breaks them, and prints one line for each kind of fault: the rounds, the acknowledged and
// the rejected publications, those of the acknowledged that are lost, doubled or at a wrong offset, the subscriptions that recovered, the
// longest time between two acknowledgements of all rooms together and of one room, and the part of the rooms that had more than a second between
// two. It exits with 1 if the oracle finds a broken promise. The files of such a run are kept, and those of each run with -keep: pauses.jsonl has the
// begin of each fault, and each pause of a room of more than a second.
//
//	go run ./server/torture/cluster [-run REGEXP] [-rounds N] [-throng BINARY] [-before BINARY] [-keep]
//
// The nodes reach each other by proxies in this process, which stop the bytes of a direction. In the kinds link-down, loses-sent, loses-received,
// link-flaps and pair-lossy they are in network namespaces, and the kernel loses their packets. In upgrade, the nodes begin with the binary of -before.
// A kind that needs rights or a binary that are not there is skipped.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/broker/testdisk"
	"github.com/throng-chat/throng/server/oracle"
	"github.com/throng-chat/throng/server/torture/durability"
)

// kind is a kind of fault.
type kind struct {
	name   string
	rounds int
	kernel bool  // the nodes are in network namespaces, instead of behind proxies
	disk   int64 // size of the file system of the first node in bytes; 0: it has none of its own
	power  bool  // the disk is a device of its own, whose power is cut
	before bool  // the nodes begin with the binary of -before
	fault  durability.ClusterFault
}

var kinds = []kind{
	{name: "kill-owner", rounds: 20, fault: durability.KillOwner()},
	{name: "kill-leader", rounds: 20, fault: durability.KillLeader()},
	{name: "kill-both", rounds: 20, fault: durability.KillBoth()},
	{name: "stop-8s", rounds: 20, fault: durability.Suspend(8 * time.Second)},
	{name: "rolling", rounds: 20, fault: durability.Roll()},
	{name: "parted", rounds: 20, fault: durability.Part(true, true)},
	{name: "not-heard", rounds: 20, fault: durability.Part(true, false)},
	{name: "does-not-hear", rounds: 20, fault: durability.Part(false, true)},
	{name: "flapping", rounds: 2, fault: durability.Flap(60 * time.Second)},
	{name: "link-down", rounds: 20, kernel: true, fault: durability.Part(true, true)},
	{name: "loses-sent", rounds: 20, kernel: true, fault: durability.Part(true, false)},
	{name: "loses-received", rounds: 20, kernel: true, fault: durability.Part(false, true)},
	{name: "link-flaps", rounds: 2, kernel: true, fault: durability.Flap(60 * time.Second)},
	{name: "pair", rounds: 10, fault: durability.Cut()},
	{name: "pair-lossy", rounds: 10, kernel: true, fault: durability.Cut()},
	{name: "disk-full", rounds: 5, disk: 640 << 20, fault: durability.FillOneDisk()},
	{name: "power-loss", rounds: 20, disk: 2 << 30, power: true},
	{name: "upgrade", rounds: 3, before: true, fault: durability.Upgrade()},
}

const publishers, rooms, subscribers = 64, 16, 6

func main() {
	command := durability.NewCommand()
	before := flag.String("before", "", "the binary of the version before, for upgrade")
	rounds := flag.Int("rounds", 0, "rounds of each kind; 0: 20 of most")
	flag.Parse()
	var names []string
	for i := range kinds {
		names = append(names, kinds[i].name)
		if *rounds > 0 {
			kinds[i].rounds = *rounds
		}
	}
	header := fmt.Sprintf("%-14s %6s %8s %8s %5s %7s %6s %14s %8s %8s %7s", "fault", "rounds", "acks", "rejected", "lost", "doubled", "wrong", "recovered", "pause", "of room", "paused")
	err := command.Run(header, names, func(ctx context.Context, kind int, dir, binary string, seed uint64) bool {
		err := kinds[kind].run(ctx, dir, binary, *before, seed)
		if err != nil {
			fmt.Printf("%-14s %v\n", names[kind], err)
		}
		return err == nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

// run runs a kind in a new directory, and prints its line.
func (k *kind) run(ctx context.Context, dir, binary, before string, seed uint64) (err error) {
	if k.before && before == "" {
		fmt.Printf("%-14s skipped: it needs the binary of the version before: -before\n", k.name)
		return nil
	}
	own := filepath.Join(dir, k.name)
	if err := os.Mkdir(own, 0o700); err != nil {
		return err
	}
	cfg := durability.ClusterConfig{
		Command: func(args ...string) *exec.Cmd { return exec.Command(binary, args...) },
		Dir:     own, Rounds: k.rounds, Fault: k.fault, Seed: seed, Publishers: publishers, Rooms: rooms, Subscribers: subscribers,
	}
	if k.before {
		cfg.Before = func(args ...string) *exec.Cmd { return exec.Command(before, args...) }
	}
	if k.disk > 0 {
		unmount, err2 := k.mount(&cfg)
		if errors.Is(err2, testdisk.ErrNoDisk) {
			fmt.Printf("%-14s skipped: %v\n", k.name, err2)
			return os.RemoveAll(own)
		}
		if err2 != nil {
			return err2
		}
		defer func() { err = errors.Join(err, unmount()) }()
	}
	if k.kernel {
		n, err := durability.NewNamespaces()
		if errors.Is(err, durability.ErrNoNamespaces) {
			fmt.Printf("%-14s skipped: %v\n", k.name, err)
			return os.RemoveAll(own)
		}
		if err != nil {
			return err
		}
		cfg.Network = n
	}
	res, err := durability.RunCluster(ctx, cfg)
	if err != nil {
		return err
	}
	f := res.Verdict.Findings
	wrong := f[oracle.Moved] + f[oracle.Foreign] + f[oracle.Gap] + f[oracle.Reused] + f[oracle.Order]
	fmt.Printf("%-14s %6d %8d %8d %5d %7d %6d %6d of %4d %8s %8s %6.0f%%\n", k.name, res.Rounds, res.Acks, res.Rejected, f[oracle.Lost], f[oracle.Twice], wrong,
		res.Recovered, res.Recovered+res.NotRecovered, res.Pause.Round(10*time.Millisecond), res.RoomPause.Round(10*time.Millisecond), 100*res.Paused)
	if res.Verdict.OK() {
		return nil
	}
	var text strings.Builder
	return errors.Join(errors.New("a promise is broken"), res.Verdict.WriteText(&text), errors.New(text.String()))
}

// mount gives the first node a file system of its own. unmount removes it.
func (k *kind) mount(cfg *durability.ClusterConfig) (unmount func() error, err error) {
	mount := filepath.Join(cfg.Dir, "mount")
	if err := os.Mkdir(mount, 0o700); err != nil {
		return nil, err
	}
	cfg.Data = filepath.Join(mount, "data")
	if !k.power {
		d, err := testdisk.MountTmpfs(mount, k.disk)
		if err != nil {
			return nil, err
		}
		return d.Unmount, nil
	}
	d, err := durability.NewDisk(filepath.Join(cfg.Dir, "disk.img"), mount, k.disk)
	if err != nil {
		return nil, err
	}
	cfg.Fault = durability.PowerLossOfOne(d)
	return d.Close, nil
}
