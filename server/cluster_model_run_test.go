package server

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/chat"
	judge "github.com/throng-chat/throng/server/oracle"
)

// clusterModel is one run. The test's goroutine does all: it wakes the goroutines of the nodes by the clock and by the steps of the Fake, and
// waits until they block again.
type clusterModel struct {
	t      *testing.T
	random *rand.Rand
	cfg    Config
	fake   *brokertest.Fake
	log    *slog.Logger
	did    map[string]int

	nodes   []*clusterNode // a, b and c
	clients []*clusterClient
	talks   *clusterTalks
	ticked  time.Time

	said int // publications

	faulty bool
	until  time.Time // of the fault

	seen  map[place]string // publications, as they were first received, acknowledged or read
	acks  []judge.Ack
	heard []judge.Heard
	terms map[int]uint64 // of the newest owners

	mu      sync.Mutex // a leaf
	results []func()   // of requests that have ended; the test's goroutine calls them
}

// place is where a publication is.
type place struct {
	room string
	at   chat.StreamPosition
}

const (
	judgedRoom  = "d0" // durable: the oracle judges it
	presentRoom = "d1"
	memoryPlace = "m0"
)

// modelLogs returns the number of durable logs of a seed: each of the three durable rooms has one, or all have the same. Half of the small models have three.
func modelLogs(seed uint64) int {
	if seed%2 == 1 || seed%8 == 0 {
		return 3
	}
	return 1
}

func clusterModelConfig(small bool) Config {
	cfg := DefaultConfig()
	cfg.MaxRooms, cfg.Cluster, cfg.Peers, cfg.ClusterListen = 10, "test", testPeers, testPeers[0]
	cfg.HistoryBytes, cfg.DataBytes = 64<<20, 64<<20
	large := 1000
	if small { // the histories are short, and the owner removes old records
		cfg.DataBytes, large = 16<<10, 6
	}
	room := func(name string, size int, durable, talk bool) {
		o := chat.DefaultRoom()
		o.Pattern, o.HistorySize, o.HistoryTTL, o.Recovery, o.Durable = name, size, 24*time.Hour, true, durable
		if o.Presence = name == presentRoom; talk {
			o.Kind = chat.ChatRoom
		}
		cfg.Rooms = append(cfg.Rooms, o)
	}
	room(judgedRoom, large, true, false)
	room(presentRoom, 4, true, false)
	room(memoryPlace, large, false, false)
	if !small { // its messages keep all records
		room("talk-d", large, true, true)
		room("talk-m", large, false, true)
	}
	return cfg
}

func newClusterModel(t *testing.T, seed uint64, did map[string]int, log *slog.Logger) *clusterModel {
	m := &clusterModel{
		t: t, random: rand.New(rand.NewPCG(seed, 5)), cfg: clusterModelConfig(seed%4 == 0), fake: brokertest.New(brokertest.Options{Seed: seed}), log: log, did: did,
		ticked: time.Now(), seen: map[place]string{}, terms: map[int]uint64{},
	}
	m.cfg.ClusterLogs = modelLogs(seed)
	m.talks = newClusterTalks(m)
	for _, name := range []string{"a", "b", "c"} {
		n := &clusterNode{model: m, name: name}
		m.nodes = append(m.nodes, n)
		n.start()
	}
	for i := range 6 {
		m.clients = append(m.clients, newClusterClient(m, i))
	}
	m.await("three nodes that accept publications", 10*time.Second, m.isWhole)
	return m
}

// isDurable tells the rooms with a log on disk. A room in memory may get a new epoch whose positions continue those of the one before.
func isDurable(room string) bool {
	return room == judgedRoom || room == presentRoom || room == "talk-d"
}

func (p place) String() string { return fmt.Sprintf("%s %d %s", p.room, p.at.Offset, p.at.Epoch) }
