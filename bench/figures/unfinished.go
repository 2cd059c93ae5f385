package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/stats"
)

// unfinished opens 20,000 handshakes that never end, from four processes, and measures complete handshakes during it.
func unfinished() (_ string, err error) {
	s, err := start("throng")
	if err != nil {
		return "", err
	}
	defer s.stop()
	before, err := observe.Read(s.cmd.Process.Pid, true)
	if err != nil {
		return "", err
	}
	const processes, each = 4, 5000
	var h holders
	defer func() { err = errors.Join(err, h.end()) }()
	if err := h.begin(processes, each); err != nil {
		return "", err
	}
	var took []float64
	most := before.PSS
	for left := processes; left > 0 || len(took) < 200; {
		select {
		case err := <-h.ready:
			if err != nil {
				return "", fmt.Errorf("a holder: %w", err)
			}
			left--
		default:
		}
		d, err := honest(address)
		if err != nil {
			return "", fmt.Errorf("a complete handshake: %w", err)
		}
		took = append(took, float64(d)/float64(time.Millisecond))
		now, err := observe.Read(s.cmd.Process.Pid, true)
		if err != nil {
			return "", err
		}
		most = max(most, now.PSS)
	}
	return unfinishedText(unfinishedRun{
		handshakes: processes * each, processes: processes, rate: processes * holdRate, grown: most - before.PSS, took: took,
	}), nil
}

// unfinishedRun is the measurement.
type unfinishedRun struct {
	handshakes, processes int
	rate                  int       // handshakes a second
	grown                 int64     // largest growth of the server, in bytes
	took                  []float64 // ms, of the complete handshakes
}

func unfinishedText(u unfinishedRun) string {
	return fmt.Sprintf("%s handshakes from %d processes, %s/s: the memory of the server grew by %.1f MiB at most. Of %d complete handshakes during it, "+
		"the median took %.1f ms, the slowest %.1f ms.\n\n`go run ./bench/figures --throng ./throng --only unfinished`, once\n",
		result.Thousands(u.handshakes), u.processes, result.Thousands(u.rate), float64(u.grown)/(1<<20), len(u.took), stats.Median(u.took), slices.Max(u.took))
}
