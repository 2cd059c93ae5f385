// Figures makes the tables of BENCHMARKS.md: it runs throng and the peers side by side, one after another in turn, the
// server on core 0 and the client on core 1, and prints medians as Markdown. `make bench` builds what it needs and calls it.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/stats"
)

var (
	throng = flag.String("throng", "./throng", "the binary to measure, and the client of all runs")
	peers  = flag.String("peers", "dist/peers", "where bench/peers/build.sh put the peers")
	rounds = flag.Int("rounds", 5, "runs of each server, of which the median is told")
	only   = flag.String("only", "", "one table: idle, fanout, hot, heartbeat, unfinished")
)

const (
	address = "127.0.0.1:13731"
	admin   = "127.0.0.1:13732"
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	if job := os.Getenv(holdEnv); job != "" {
		hold(job)
		return
	}
	for _, table := range []struct {
		name string
		make func() error
	}{
		{"idle", idle}, {"fanout", fanout}, {"hot", hot}, {"heartbeat", heartbeat}, {"unfinished", unfinished},
	} {
		if *only != "" && *only != table.name {
			continue
		}
		if err := table.make(); err != nil {
			log.Fatalf("figures: %s: %v", table.name, err)
		}
	}
}

// server is one of those that are compared, while it runs.
type server struct {
	name string
	cmd  *exec.Cmd
}

// contestants are throng and the peers that were built.
func contestants(names ...string) []string {
	found := []string{"throng"}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(*peers, name)); err != nil {
			log.Printf("%s is skipped: %v", name, err)
			continue
		}
		found = append(found, name)
	}
	return found
}

// start runs a server on core 0 and waits until it answers.
func start(name string) (*server, error) {
	args := []string{"-c", "0", filepath.Join(*peers, name), "--listen", address}
	if name == "throng" {
		args = []string{"-c", "0", *throng, "serve", "--listen", address, "--admin", admin, "--rate", "0"}
	}
	if _, err := honest(address); err == nil {
		return nil, fmt.Errorf("another server runs on %s: end it first", address)
	}
	s := &server{name: name, cmd: exec.Command("taskset", args...)}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := honest(address); err == nil {
			return s, nil
		} else if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("%s does not answer: %w", name, err)
		}
	}
}

func (s *server) stop() {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		log.Printf("stop %s: %v", s.name, err)
	}
	done := time.AfterFunc(15*time.Second, func() {
		if err := s.cmd.Process.Kill(); err != nil {
			log.Printf("kill %s: %v", s.name, err)
		}
	})
	defer done.Stop()
	// How a peer ends is not what is measured.
	if err := s.cmd.Wait(); err != nil && s.name == "throng" {
		log.Printf("throng: %v", err)
	}
}

// load runs a scenario on core 1 against a fresh server.
func load(name, scenario string, flags ...string) (*result.Result, error) {
	s, err := start(name)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	args := append([]string{"-c", "1", *throng, "bench", scenario, "ws://" + address + "/ws", "--json", "--no-floor", "--pid", strconv.Itoa(s.cmd.Process.Pid)}, flags...)
	out, err := exec.Command("taskset", args...).Output()
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	// A server that loses messages ends the client with a code of its own, and a result all the same.
	r := &result.Result{}
	if err := json.Unmarshal(out, r); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, exit.Stderr)
	}
	log.Printf("%-8s %s %v", name, scenario, flags)
	return r, nil
}

// inTurn loads each of the servers once a round, and returns the results by name.
func inTurn(rounds int, names []string, scenario string, flags ...string) (map[string][]*result.Result, error) {
	results := map[string][]*result.Result{}
	for range rounds {
		for _, name := range names {
			r, err := load(name, scenario, flags...)
			if err != nil {
				log.Printf("%s: %v", name, err)
				continue
			}
			results[name] = append(results[name], r)
		}
	}
	return results, nil
}

// over is the median of a figure over runs; NaN for none.
func over(results []*result.Result, figure func(*result.Result) float64) float64 {
	var values []float64
	for _, r := range results {
		values = append(values, figure(r))
	}
	return stats.Median(values)
}

// ratio is the median over rounds of a figure as a multiple of the floor's in the same round.
func ratio(of, floor []*result.Result, figure func(*result.Result) float64) float64 {
	var values []float64
	for i := range min(len(of), len(floor)) {
		values = append(values, figure(of[i])/figure(floor[i]))
	}
	return stats.Median(values)
}

func perUpgrade(r *result.Result) float64 {
	return float64(r.Server.ConnectCPU.Nanoseconds()) / 1000 / float64(r.Connect.Opened)
}

func perDelivery(r *result.Result) float64 { return r.Server.PerDelivery / 1000 }

// settledPerConnection is the growth until the end of an idle run.
func settledPerConnection(r *result.Result) float64 {
	return float64(r.Server.PSSAfter-r.Server.PSSBefore) / float64(r.Connect.Opened)
}

func idle() error {
	names := contestants("floor", "gws", "gorilla", "uws")
	results, err := inTurn(*rounds, names, "idle", "--connections", "10000", "--rate", "0", "--duration", "8s")
	if err != nil {
		return err
	}
	fmt.Printf("\n### Idle connections: 10,000, median of %d\n\n| server | user memory a connection, B (PSS growth) | server CPU an upgrade, us | as a multiple of the floor |\n|---|---|---|---|\n", *rounds)
	for _, name := range names {
		fmt.Printf("| %s | %.0f | %.1f | %.2f |\n", name, over(results[name], settledPerConnection), over(results[name], perUpgrade),
			ratio(results[name], results["floor"], perUpgrade))
	}
	r, err := load("throng", "idle", "--connections", "19800", "--rate", "0", "--duration", "8s")
	if err != nil {
		return err
	}
	fmt.Printf("\nOne throng process held %d connections (of 19,800 dialled) at %.0f B each, %.1f us CPU an upgrade.\n",
		r.Connect.Opened-r.Delivery.Closed, settledPerConnection(r), perUpgrade(r))
	return nil
}

func fanout() error {
	names := contestants("floor", "gws", "gorilla", "uws")
	results, err := inTurn(*rounds, names, "broadcast", "--connections", "10000", "--rate", "10", "--publishers", "10", "--size", "128", "--duration", "6s")
	if err != nil {
		return err
	}
	fmt.Printf("\n### Fan-out: 10,000 members, 10 messages/s of 128 B, median of %d\n\n| server | CPU a delivery, us | as a multiple of the floor | p50, ms | p99, ms | lost |\n|---|---|---|---|---|---|\n", *rounds)
	for _, name := range names {
		rs := results[name]
		fmt.Printf("| %s | %.2f | %.3f | %.0f | %.0f | %.0f |\n", name, over(rs, perDelivery), ratio(rs, results["floor"], perDelivery),
			over(rs, p50), over(rs, p99), over(rs, lost))
	}
	return nil
}

func p50(r *result.Result) float64 {
	return milliseconds(r, func(d *result.Distribution) *time.Duration { return d.P50 })
}
func p99(r *result.Result) float64 {
	return milliseconds(r, func(d *result.Distribution) *time.Duration { return d.P99 })
}

func milliseconds(r *result.Result, of func(*result.Distribution) *time.Duration) float64 {
	if r.Latency.Each == nil || of(r.Latency.Each) == nil {
		return math.NaN()
	}
	return float64(*of(r.Latency.Each)) / float64(time.Millisecond)
}

func lost(r *result.Result) float64 { return float64(r.Delivery.Lost) }
func reordered(r *result.Result) float64 {
	return float64(r.Delivery.Reordered + r.Delivery.Duplicated)
}
func perSecond(r *result.Result) float64 { return r.Delivery.PerS }

func hot() error {
	fmt.Printf("\n### Hot room: 500 members, all talking, 128 B\n\n| server | messages/s offered | deliveries/s | p50, ms | p99, ms | lost | doubled or out of order | CPU a delivery, us | client's cores | runs |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, row := range []struct {
		rate   string
		rounds int
		names  []string
	}{
		{"8000", *rounds, []string{"throng"}},
		{"16000", *rounds, []string{"throng"}},
		{"8000", 1, contestants("floor", "gws", "gorilla", "uws")[1:]},
	} {
		results, err := inTurn(row.rounds, row.names, "broadcast", "--connections", "500", "--rate", row.rate, "--publishers", "500", "--size", "128", "--duration", "6s", "--warmup", "2s")
		if err != nil {
			return err
		}
		for _, name := range row.names {
			rs := results[name]
			fmt.Printf("| %s | %s | %.0f | %.1f | %.1f | %.0f | %.0f | %.3f | %.2f | %d |\n", name, row.rate, over(rs, perSecond), over(rs, p50),
				over(rs, p99), over(rs, lost), over(rs, reordered), over(rs, perDelivery), over(rs, func(r *result.Result) float64 { return r.Client.Cores }), len(rs))
		}
	}
	return nil
}

func heartbeat() error {
	r, err := load("throng", "idle", "--connections", "15000", "--rate", "0", "--duration", "60s")
	if err != nil {
		return err
	}
	fmt.Printf("\n### Heartbeat: 15,000 idle connections, pinged each 25 s\n\n%.2f %% of a core, over %d pings.\n",
		100*r.Server.Cores, r.Delivery.Pings)
	return nil
}
