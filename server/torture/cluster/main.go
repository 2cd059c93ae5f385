//go:build linux

// Cluster runs clusters of three processes under load, breaks them, and prints one line for each kind of fault: the rounds, the acknowledged and
// the rejected publications, those of the acknowledged that are lost, doubled or at a wrong offset, the subscriptions that recovered, and the
// longest time between two acknowledgements. It exits with 1 if the oracle finds a broken promise. The files of such a run are kept.
//
//	go run ./server/torture/cluster [-run REGEXP] [-rounds N] [-throng BINARY]
//
// The nodes reach each other by proxies in this process, which stop the bytes of a direction. In the kinds link-down, loses-sent, loses-received and
// link-flaps they are in network namespaces, and the kernel loses their packets. A kind that needs rights that are not there is skipped.
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
	{name: "disk-full", rounds: 5, disk: 640 << 20, fault: durability.FillOneDisk()},
}

const publishers, rooms, subscribers = 64, 16, 6

func main() {
	command := durability.NewCommand()
	rounds := flag.Int("rounds", 0, "rounds of each kind; 0: 20 of most")
	flag.Parse()
	var names []string
	for i := range kinds {
		names = append(names, kinds[i].name)
		if *rounds > 0 {
			kinds[i].rounds = *rounds
		}
	}
	header := fmt.Sprintf("%-14s %6s %8s %8s %5s %7s %6s %14s %10s", "fault", "rounds", "acks", "rejected", "lost", "doubled", "wrong", "recovered", "pause")
	err := command.Run(header, names, func(ctx context.Context, kind int, dir, binary string, seed uint64) bool {
		err := kinds[kind].run(ctx, dir, binary, seed)
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
func (k *kind) run(ctx context.Context, dir, binary string, seed uint64) (err error) {
	own := filepath.Join(dir, k.name)
	if err := os.Mkdir(own, 0o700); err != nil {
		return err
	}
	cfg := durability.ClusterConfig{
		Command: func(args ...string) *exec.Cmd { return exec.Command(binary, args...) },
		Dir:     own, Rounds: k.rounds, Fault: k.fault, Seed: seed, Publishers: publishers, Rooms: rooms, Subscribers: subscribers,
	}
	if k.disk > 0 {
		mount := filepath.Join(own, "mount")
		if err := os.Mkdir(mount, 0o700); err != nil {
			return err
		}
		d, err := testdisk.MountTmpfs(mount, k.disk)
		if errors.Is(err, testdisk.ErrNoDisk) {
			fmt.Printf("%-14s skipped: %v\n", k.name, err)
			return os.RemoveAll(own)
		}
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.Unmount()) }()
		cfg.Data = filepath.Join(mount, "data")
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
	fmt.Printf("%-14s %6d %8d %8d %5d %7d %6d %6d of %4d %10s\n", k.name, res.Rounds, res.Acks, res.Rejected, f[oracle.Lost], f[oracle.Twice], wrong,
		res.Recovered, res.Recovered+res.NotRecovered, res.Pause.Round(10*time.Millisecond))
	if res.Verdict.OK() {
		return nil
	}
	var text strings.Builder
	return errors.Join(errors.New("a promise is broken"), res.Verdict.WriteText(&text), errors.New(text.String()))
}
