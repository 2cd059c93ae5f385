//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/throng-chat/throng/server/broker/crashtest"
	"github.com/throng-chat/throng/server/broker/testdisk"
)

// crash is a case without a server: a process that appends records to the storage engine is ended, again and again.
type crash struct {
	name   string
	run    func(crashtest.Options) (crashtest.Result, error)
	rounds int
	noSync bool // the case must find losses
}

var crashes = []crash{
	{name: "storage-kill-9", run: crashtest.Kill, rounds: 200},
	{name: "storage-power-loss", run: crashtest.PowerLoss, rounds: 100},
	{name: "storage-power-loss-without-syncs", run: crashtest.PowerLoss, rounds: 3, noSync: true},
}

// judge runs the rounds and returns a line for the output.
func (kind crash) judge() (line string, err error) {
	begin := time.Now()
	result, err := kind.measure()
	switch {
	case errors.Is(err, testdisk.ErrNoDisk):
		return fmt.Sprintf("%-34s not run: %v", kind.name, err), nil
	case err != nil:
	case kind.noSync && result.Lost == 0:
		err = fmt.Errorf("no loss was found without syncs: %v", result)
	case !kind.noSync:
		err = result.Err()
	}
	verdict := "withstood"
	if kind.noSync {
		verdict = "found"
	}
	if err != nil {
		verdict = "LOST: " + err.Error()
	}
	return fmt.Sprintf("%-34s %s (%v; %s)", kind.name, verdict, result, time.Since(begin).Round(time.Second)), err
}

func (kind crash) measure() (result crashtest.Result, err error) {
	dir, err := os.MkdirTemp("", "torture")
	if err != nil {
		return result, err
	}
	self, err := os.Executable()
	if err != nil {
		return result, err
	}
	result, err = kind.run(crashtest.Options{
		Dir: dir, Rounds: kind.rounds, Seed: uint64(time.Now().UnixNano()), NoSync: kind.noSync,
		Child: func(dir string, noSync bool) *exec.Cmd {
			return exec.Command(self, "-append", dir, fmt.Sprintf("-no-sync=%t", noSync))
		},
	})
	return result, errors.Join(err, os.RemoveAll(dir))
}
