package durability

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/oracle"
)

// ClusterConfig is a run of three nodes.
type ClusterConfig struct {
	Command func(args ...string) *exec.Cmd // of throng
	Before  func(args ...string) *exec.Cmd // of the version before, for Upgrade: the nodes begin with it; nil for none
	Dir     string                         // for the files of the run; exists
	Data    string                         // data directory of the first node; empty: in Dir
	Rounds  int
	Fault   ClusterFault // of each round
	Network Network      // between the nodes; nil: proxies
	Seed    uint64

	Publishers  int // half of them SDK clients, half API clients, on all nodes
	Rooms       int
	Subscribers int // on all nodes
}

// A ClusterFault breaks a cluster in a round, after it was whole, and repairs it. The run starts the nodes again that do not run.
type ClusterFault func(ctx context.Context, r *ClusterRound) error

// ClusterRound is what a fault of a cluster sees.
type ClusterRound struct {
	Random *rand.Rand
	run    *clusterRun
}

// ClusterResult is the result of a run.
type ClusterResult struct {
	Result
	Pause     time.Duration // the longest time between two acknowledgements of all rooms together
	RoomPause time.Duration // the same of one room: the longest of all rooms
	Paused    float64       // part of the rooms with a pause of more than longPause
}

// pauses takes the pauses of a run.
func (res *ClusterResult) pauses(cs *counts) {
	res.Pause = time.Duration(cs.all.longest.Load())
	for _, ps := range cs.rooms {
		longest := time.Duration(ps.longest.Load())
		res.RoomPause = max(res.RoomPause, longest)
		if longest > longPause {
			res.Paused += 1 / float64(len(cs.rooms))
		}
	}
}

// clusterRun is a run of a cluster in progress.
type clusterRun struct {
	ClusterConfig
	leader      atomic.Int32 // number of the node that leads the storage of the durable log
	nodes       []*node
	acks, heard *journal
	pauses      *journal
	counts      counts
	subscribers []*subscriber
	rooms       []string
	random      *rand.Rand
}

const (
	wholeTime = 90 * time.Second // for all nodes to accept publications again
	// currentTime is the time for all replicas to have all records then. A replica that led the storage of a log, and was parted, has entries that do not count.
	// NATS removes one of them every 2 s, until the leader makes a snapshot: every 2 to 3 min, or a minute later while a replica asks for records.
	currentTime = 5 * time.Minute
)

// RunCluster runs three nodes under load, with faults, and judges them. An error means that there is no verdict.
func RunCluster(ctx context.Context, cfg ClusterConfig) (res ClusterResult, err error) {
	r := &clusterRun{ClusterConfig: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 0x636c7573))}
	if r.Network == nil {
		r.Network = newLinks()
	}
	defer func() { err = errors.Join(err, r.Network.close()) }()
	if err := r.prepare(); err != nil {
		return res, err
	}
	err = r.play(ctx)
	for _, n := range r.nodes {
		err = errors.Join(err, n.kill(), n.log.file.Close())
	}
	if err = errors.Join(err, r.acks.close(), r.heard.close(), r.pauses.close()); err != nil {
		return res, err
	}
	res.Result = Result{Rounds: cfg.Rounds, Acks: int(r.counts.acks.Load()), Rejected: int(r.counts.rejected.Load())}
	res.pauses(&r.counts)
	for _, sb := range r.subscribers {
		res.Recovered += sb.recovered
		res.NotRecovered += sb.notRecovered
	}
	res.Verdict, err = judge(r.path)
	return res, err
}

func (cr *clusterRun) path(name string) string { return filepath.Join(cr.Dir, name) }

func (cr *clusterRun) prepare() (err error) {
	if err := os.WriteFile(cr.path("throng.toml"), []byte(configText), 0o600); err != nil {
		return err
	}
	if cr.acks, err = newJournal(cr.path("acks.jsonl")); err != nil {
		return err
	}
	if cr.heard, err = newJournal(cr.path("heard.jsonl")); err != nil {
		return err
	}
	for i := range cr.Rooms {
		cr.rooms = append(cr.rooms, fmt.Sprintf("durable:%d", i))
	}
	if cr.pauses, err = newJournal(cr.path("pauses.jsonl")); err != nil {
		return err
	}
	cr.counts.watch(cr.rooms, cr.pauses)
	return cr.makeNodes()
}

// play runs the rounds with their clients, and writes what the nodes have.
func (cr *clusterRun) play(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	for _, n := range cr.nodes {
		if err := n.start(); err != nil {
			return err
		}
	}
	for _, n := range cr.nodes { // a client that reaches no node goes on to the next one: the first would have none
		if err := n.awaitReady(ctx); err != nil {
			return err
		}
	}
	if err := cr.awaitWhole(ctx); err != nil {
		return err
	}
	stop := make(chan struct{})
	publishing := cr.startClients(ctx, &clients, stop)
	for n := range cr.Rounds {
		if err := cr.round(ctx, n+1); err != nil {
			close(stop)
			return fmt.Errorf("round %d: %w", n, err)
		}
	}
	err := errors.Join(cr.awaitWhole(ctx), cr.awaitAcks(ctx, 100))
	close(stop)
	if err != nil {
		return err
	}
	if err := awaitPublishers(ctx, publishing); err != nil {
		return err
	}
	return cr.complete(ctx)
}

// sites returns the addresses of all nodes, beginning with one.
func (cr *clusterRun) sites(first int) *site {
	st := &site{}
	st.turn.Store(int64(first))
	st.set(cr.nodes[0].public, cr.nodes[1].public, cr.nodes[2].public)
	return st
}

func (cr *clusterRun) startClients(ctx context.Context, clients *sync.WaitGroup, stop chan struct{}) *sync.WaitGroup {
	for i := range cr.Subscribers {
		sb := &subscriber{
			name: fmt.Sprintf("subscriber-%d", i), rooms: cr.rooms, at: cr.sites(i), heard: cr.heard,
			positions: map[string]oracle.Position{}, live: map[string]bool{},
		}
		cr.subscribers = append(cr.subscribers, sb)
		clients.Go(func() { sb.run(ctx) })
	}
	var publishing sync.WaitGroup
	for i := range cr.Publishers {
		p := &publisher{name: fmt.Sprintf("publisher-%d", i), rooms: cr.rooms, at: cr.sites(i), acks: cr.acks, counts: &cr.counts, stop: stop}
		if i%2 == 0 {
			p.rooms, p.perConnection = cr.rooms[i/2%len(cr.rooms):][:1], true // each room has such publishers
			publishing.Go(func() { p.runSDK(ctx) })
		} else {
			random := rand.New(rand.NewPCG(cr.Seed, uint64(i)))
			publishing.Go(func() { p.runAPI(ctx, random) })
		}
	}
	return &publishing
}

// round breaks the cluster when all clients are back. number counts from 1 on.
func (cr *clusterRun) round(ctx context.Context, number int) error {
	if err := cr.awaitWhole(ctx); err != nil {
		return err
	}
	if err := cr.awaitAcks(ctx, 20); err != nil {
		return err
	}
	live := func() bool {
		for _, sb := range cr.subscribers {
			if !sb.allLive() {
				return false
			}
		}
		return true
	}
	if err := waitUntil(ctx, resumeTime, "the subscribers are back", live); err != nil {
		return err
	}
	cr.pauses.write(pauseLine{Fault: number, At: time.Now()})
	return cr.Fault(ctx, &ClusterRound{Random: cr.random, run: cr})
}

// awaitAcks waits for acknowledgements.
func (cr *clusterRun) awaitAcks(ctx context.Context, count int64) error {
	before := cr.counts.acks.Load()
	return waitUntil(ctx, resumeTime, "publications are acknowledged", func() bool { return cr.counts.acks.Load() >= before+count })
}

// awaitWhole starts the nodes that do not run, and waits until the cluster is whole on all of them. An operator waits so before a node is stopped: while a
// node copies what it has missed, the other two are the only majority.
func (cr *clusterRun) awaitWhole(ctx context.Context) error {
	for _, n := range cr.nodes {
		if err := n.restart(ctx); err != nil {
			return err
		}
	}
	if err := cr.awaitAll(ctx, wholeTime, "three nodes accept publications", (*clusterStatus).accepts); err != nil {
		return err
	}
	return cr.awaitAll(ctx, currentTime, "all replicas are current", (*clusterStatus).current)
}

// awaitAll waits until the status of no node lacks anything.
func (cr *clusterRun) awaitAll(ctx context.Context, within time.Duration, what string, lacks func(*clusterStatus, int) string) error {
	var lack string
	err := waitUntil(ctx, within, what, func() bool {
		for _, n := range cr.nodes {
			s, err := n.status(ctx)
			if err != nil {
				lack = err.Error()
			} else {
				lack = lacks(&s, len(cr.nodes))
			}
			if lack != "" {
				lack = "node " + n.name + ": " + lack
				return false
			}
		}
		return true
	})
	if err != nil && lack != "" {
		return fmt.Errorf("%w: %s", err, lack)
	}
	return err
}

// owner returns the node that owns the durable log.
func (cr *clusterRun) owner(ctx context.Context) (*node, error) {
	for _, asked := range cr.nodes {
		s, err := asked.status(ctx)
		if err != nil {
			continue
		}
		for _, n := range cr.nodes {
			if n.name == s.Logs[0].Owner {
				return n, nil
			}
		}
	}
	return nil, errors.New("nobody owns the durable log")
}
