//go:build !nonats

package natsbroker

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	peerInterval   = 2 * time.Second  // between two looks at the peers
	peerShownAgain = 10 * time.Minute // between two lines about one fault
	twinSign       = 5 * time.Second  // for which a message about another node with the same name counts: its server connects each second
)

// peerWatch finds what is wrong with the addresses of the other nodes: mistakes of operators.
type peerWatch struct {
	join    *Join
	cluster string
	config  *tls.Config
	log     *slog.Logger
	timeout time.Duration // of a look

	mu     sync.Mutex // a leaf
	faults []peerFault
	shown  map[peerFault]time.Time // when the log had a fault
	twin   string                  // where the last route of another node with the same name came from
	twinAt time.Time               // of that route
}

// peerFault is what is wrong with one address.
type peerFault struct {
	peer, what string
	named      bool // a node with the name of this one listens
}

// answer is what the server at an address says.
type answer struct {
	peer string
	info peerInfo
	err  error
}

func newPeerWatch(o *Options) (*peerWatch, error) {
	config, err := secretTLS(o.Join.Secret)
	if err != nil {
		return nil, err
	}
	return &peerWatch{join: o.Join, cluster: o.Cluster, config: config, log: o.Log, timeout: o.patience, shown: map[peerFault]time.Time{}}, nil
}

// ask asks all other nodes at the same time. It blocks until they have answered, or ctx ends.
func (pw *peerWatch) ask(ctx context.Context) (all []answer) {
	answers := make(chan answer, len(pw.join.Peers))
	asked := 0
	for _, peer := range pw.join.Peers {
		if peer == pw.join.Listen {
			continue
		}
		asked++
		go func() {
			info, err := askPeer(ctx, pw.config, peer)
			answers <- answer{peer, info, err}
		}()
	}
	for range asked {
		all = append(all, <-answers)
	}
	return all
}

// look asks the other nodes, and keeps and logs what is wrong. self is the ID of the server of this node; empty before its start. Called by run, and before it.
func (pw *peerWatch) look(ctx context.Context, self string) {
	ctx, cancel := context.WithTimeout(ctx, pw.timeout)
	defer cancel()
	var faults []peerFault
	seen := map[string]string{}
	for _, a := range pw.ask(ctx) {
		f := peerFault{peer: a.peer, what: faultOf(pw.cluster, a.info, a.err)}
		twice := seen[a.info.ID]
		switch {
		case f.what != "", a.err != nil:
		case a.info.ID == self:
			f.what = fmt.Sprintf("it is another address of this node, %s: name each node once in peers", pw.join.Listen)
		case a.info.Name == pw.join.Node:
			f.what, f.named = "it has the name of this node", true
		case twice != "":
			f.what = fmt.Sprintf("it is another address of the node at %s: name each node once in peers", twice)
		}
		seen[a.info.ID] = a.peer
		if f.what != "" {
			faults = append(faults, f)
		}
	}
	pw.use(faults, time.Now())
}

// use keeps the faults of a look, and logs those that were not logged for a while.
func (pw *peerWatch) use(faults []peerFault, now time.Time) {
	for _, f := range pw.keep(faults, now) {
		pw.log.Error("a peer is not a node of this cluster", "peer", f.peer, "error", f.what)
	}
}

// keep keeps the faults of a look, and returns those for the log.
func (pw *peerWatch) keep(faults []peerFault, now time.Time) (due []peerFault) {
	pw.mu.Lock()
	defer pw.mu.Unlock()
	pw.faults = faults
	for _, f := range faults {
		if last, is := pw.shown[f]; !f.named && (!is || now.Sub(last) >= peerShownAgain) {
			pw.shown[f] = now
			due = append(due, f)
		}
	}
	return due
}

// run looks at the peers while one of them has no route, until closing. routes returns the ID of the server of this node and the number of nodes with a route;
// ctx is nil while the server starts.
func (pw *peerWatch) run(closing <-chan struct{}, routes func() (ctx context.Context, self string, n int)) {
	for {
		select {
		case <-closing:
			return
		case <-time.After(peerInterval):
		}
		switch ctx, self, n := routes(); {
		case ctx == nil:
		case n < len(pw.join.Peers)-1:
			pw.look(ctx, self)
		default:
			pw.use(nil, time.Now())
		}
	}
}

// meet notes that the server of another node with the same name has connected from a host.
func (pw *peerWatch) meet(host string) {
	pw.mu.Lock()
	defer pw.mu.Unlock()
	pw.twin, pw.twinAt = host, time.Now()
}

// taken returns a *ClaimedError if another node has the name of this one.
func (pw *peerWatch) taken() error {
	pw.mu.Lock()
	defer pw.mu.Unlock()
	name := "the node " + pw.join.Node + " of the cluster " + pw.cluster
	for _, f := range pw.faults {
		if f.named {
			return &ClaimedError{name, "the process at " + f.peer}
		}
	}
	if !pw.twinAt.IsZero() && time.Since(pw.twinAt) < twinSign {
		return &ClaimedError{name, "a process on " + pw.twin}
	}
	return nil
}

// list returns the faults, for operators.
func (pw *peerWatch) list() (all []string) {
	pw.mu.Lock()
	defer pw.mu.Unlock()
	for _, f := range pw.faults {
		if !f.named {
			all = append(all, fmt.Sprintf("peer %s: %s", f.peer, f.what))
		}
	}
	return all
}
