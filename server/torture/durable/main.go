//go:build linux

// Torture runs servers with durable rooms under load, breaks them, and prints one line for each kind of fault: its name, the rounds, the
// acknowledged and the rejected publications, the subscriptions that recovered, and the verdict of the oracle. It exits with 1 if an
// acknowledged publication is lost or doubled, or another promise is broken. The files of such a run are kept.
//
//	go run ./server/torture/durable [-run REGEXP] [-scale N] [-throng BINARY]
//
// A kind that needs rights or programs that are not there is skipped, and the line gives the reason.
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

	"github.com/throng-chat/throng/server/torture/durability"
)

// kind is a kind of fault.
type kind struct {
	name   string
	runs   int   // each with a new data directory
	rounds int   // of each run
	acks   int   // acknowledged publications, at least: a slow machine needs more runs for them
	disk   int64 // size of its own file system in bytes; 0: it has none
	fault  func(d *durability.Disk) durability.Fault
	inject bool // it needs strace
}

const (
	largeDisk = 2 << 30
	smallDisk = 640 << 20 // the server needs 256 MiB of free space
	diskCalls = "fsync,fdatasync,pwrite64"
)

var kinds = []kind{
	{name: "kill", runs: 10, rounds: 20, acks: 1_000_000, fault: func(*durability.Disk) durability.Fault { return durability.Kill(2 * time.Second) }},
	{name: "stop", runs: 1, rounds: 10, fault: func(*durability.Disk) durability.Fault { return durability.Stop(time.Second) }},
	{name: "power-loss", runs: 5, rounds: 20, acks: 100_000, disk: largeDisk, fault: func(d *durability.Disk) durability.Fault { return durability.PowerLoss(d, time.Second) }},
	{name: "disk-full", runs: 2, rounds: 5, disk: smallDisk, fault: func(*durability.Disk) durability.Fault { return durability.FillDisk() }},
	{name: "eio", runs: 2, rounds: 5, inject: true, fault: func(*durability.Disk) durability.Fault {
		return durability.Inject(diskCalls, "error=EIO", 500*time.Millisecond, true)
	}},
	{name: "eio-once", runs: 2, rounds: 5, inject: true, fault: func(*durability.Disk) durability.Fault {
		return durability.Inject(diskCalls, "error=EIO:when=20", time.Second, false)
	}},
	{name: "slow-fsync", runs: 1, rounds: 5, inject: true, fault: func(*durability.Disk) durability.Fault {
		return durability.Inject("fsync,fdatasync", "delay_enter=500000", 3*time.Second, false)
	}},
	{name: "stuck-fsync", runs: 1, rounds: 1, inject: true, fault: func(*durability.Disk) durability.Fault {
		return durability.Inject("fsync,fdatasync", "delay_enter=30000000", 10*time.Second, true)
	}},
}

// maxRuns limits the runs of a kind, as a multiple of its number.
const maxRuns = 10

func main() {
	command := durability.NewCommand()
	scale := flag.Int("scale", 1, "multiply the number of runs of each kind")
	flag.Parse()
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	header := fmt.Sprintf("%-12s %7s %9s %9s %10s %8s", "fault", "rounds", "acks", "rejected", "recovered", "verdict")
	err := command.Run(header, names, func(ctx context.Context, kind int, dir, binary string, seed uint64) bool {
		return kinds[kind].run(ctx, dir, binary, *scale, seed)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

// run runs all rounds of a kind, and prints its line. It returns false if a promise is broken.
func (k *kind) run(ctx context.Context, dir, binary string, scale int, seed uint64) bool {
	if why := k.missing(ctx); why != "" {
		fmt.Printf("%-12s skipped: %s\n", k.name, why)
		return true
	}
	var total durability.Result
	for i := 0; i < k.runs*scale || total.Acks < k.acks*scale; i++ {
		if i == maxRuns*k.runs*scale {
			fmt.Printf("%-12s only %d publications were acknowledged in %d runs, want %d: this machine is too slow\n", k.name, total.Acks, i, k.acks*scale)
			return false
		}
		own := filepath.Join(dir, fmt.Sprintf("%s-%d", k.name, i))
		res, err := k.once(ctx, own, binary, seed+uint64(i))
		total.Rounds += res.Rounds
		total.Acks += res.Acks
		total.Rejected += res.Rejected
		total.Recovered += res.Recovered
		total.NotRecovered += res.NotRecovered
		if err == nil && !res.Verdict.OK() {
			var text strings.Builder
			err = errors.Join(errors.New("a promise is broken"), res.Verdict.WriteText(&text), errors.New(text.String()))
		}
		if err == nil {
			err = os.RemoveAll(own)
		}
		if err != nil {
			fmt.Printf("%-12s run %d, seed %d: %v\n", k.name, i, seed+uint64(i), err)
			return false
		}
	}
	recovered := total.Recovered + total.NotRecovered
	fmt.Printf("%-12s %7d %9d %9d %4d of %d %s\n", k.name, total.Rounds, total.Acks, total.Rejected, total.Recovered, recovered, "ok: 0 lost, 0 doubled")
	return true
}

// missing returns what a kind lacks on this machine.
func (k *kind) missing(ctx context.Context) string {
	if k.disk > 0 && os.Getuid() != 0 {
		return "it mounts a file system: run it as root"
	}
	if k.inject {
		if err := durability.CanInject(ctx); err != nil {
			return err.Error()
		}
	}
	return ""
}

// once runs one run in a new directory.
func (k *kind) once(ctx context.Context, dir, binary string, seed uint64) (res durability.Result, err error) {
	cfg := durability.Config{
		Command: func(args ...string) *exec.Cmd { return exec.Command(binary, args...) },
		Dir:     dir, Rounds: k.rounds, Seed: seed, Publishers: 16, Rooms: 16, Subscribers: 4,
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return res, err
	}
	var d *durability.Disk
	if k.disk > 0 {
		mount := filepath.Join(dir, "mount")
		if err := os.Mkdir(mount, 0o700); err != nil {
			return res, err
		}
		if d, err = durability.NewDisk(filepath.Join(dir, "disk.img"), mount, k.disk); err != nil {
			return res, err
		}
		defer func() { err = errors.Join(err, d.Close()) }()
		cfg.Data = filepath.Join(mount, "data")
	}
	cfg.Fault = k.fault(d)
	return durability.Run(ctx, cfg)
}
