//go:build !nonats

package natsbroker_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/throng-chat/throng/server/broker/crashtest"
	"github.com/throng-chat/throng/server/broker/testdisk"
)

// childDir is the variable of the environment that makes this test binary the child of a crash test.
const childDir, childNoSync = "THRONG_CRASH_DIR", "THRONG_CRASH_NO_SYNC"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		err := crashtest.Append(dir, os.Getenv(childNoSync) != "", os.Stdout)
		fmt.Fprintln(os.Stderr, "crash test, child:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func crashOptions(t *testing.T, rounds int) crashtest.Options {
	return crashtest.Options{
		Dir: t.TempDir(), Rounds: rounds, Seed: 1,
		Child: func(dir string, noSync bool) *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childDir+"="+dir)
			if noSync {
				cmd.Env = append(cmd.Env, childNoSync+"=1")
			}
			return cmd
		},
	}
}

func TestAcknowledgedRecordsSurviveKill9(t *testing.T) {
	t.Parallel()
	result, err := crashtest.Kill(crashOptions(t, 20))
	if err := errors.Join(err, result.Err()); err != nil {
		t.Fatal(err)
	}
	t.Log(result)
}

func TestAcknowledgedRecordsSurviveALossOfPower(t *testing.T) {
	t.Parallel()
	result, err := crashtest.PowerLoss(crashOptions(t, 4))
	if errors.Is(err, testdisk.ErrNoDisk) {
		t.Skip(err)
	}
	if err := errors.Join(err, result.Err()); err != nil {
		t.Fatal(err)
	}
	t.Log(result)
}

// The test above can fail: without syncs the same crashes lose records.
func TestALossOfPowerIsFoundWithoutSyncs(t *testing.T) {
	t.Parallel()
	o := crashOptions(t, 1)
	o.NoSync = true
	result, err := crashtest.PowerLoss(o)
	if errors.Is(err, testdisk.ErrNoDisk) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if result.Lost == 0 {
		t.Errorf("%v; want lost records", result)
	}
	t.Log(result)
}
