//go:build !nonats

package natsbroker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/datadir"
)

const (
	lookTimeout = keeperInterval
	// silentAfter is the time without an answer of JetStream after which an external server is left for another one. An election takes less.
	silentAfter = 10 * time.Second
)

// noSpace is the space of an engine whose records are elsewhere: it is not known.
func noSpace() (datadir.Space, error) { return datadir.Space{}, nil }

// Stored returns where the opened logs are stored, at the last look.
func (e *engine) Stored() []broker.StoredLog {
	if logs := e.looked.Load(); logs != nil {
		return *logs
	}
	return nil
}

// look asks the leader of each opened log who stores it, if that is due. It takes lookTimeout at most, however many logs have no leader. Without an answer of an
// external cluster the instance fails in the end: the next one tries another server. Called by the keeper.
func (e *engine) look(i *instance) {
	if !e.options.replicated() {
		return
	}
	e.mu.Lock()
	opened := maps.Clone(e.opened)
	e.mu.Unlock()
	names := slices.Sorted(maps.Keys(opened))
	if !e.looks.due(len(names), i.remotes()) {
		return
	}
	var logs []broker.StoredLog
	bytes, answered := int64(0), len(names) == 0
	for n, info := range i.infosOf(names) {
		if info != nil {
			answered, bytes = true, bytes+int64(info.State.Bytes)
		}
		logs = append(logs, i.storedLog(names[n], opened[names[n]], info, &e.ends))
	}
	e.looked.Store(&logs)
	e.looks.whole = !slices.ContainsFunc(logs, isShort)
	if answered {
		i.bytes.Store(bytes)
		e.silent = 0
		return
	}
	e.silent += keeperInterval
	if e.options.External != nil && e.silent >= silentAfter {
		e.silent = 0
		i.fail(fmt.Errorf("NATS at %s: JetStream does not answer: %w", i.conn.ConnectedUrlRedacted(), broker.ErrUnavailable))
	}
}

// infosOf asks for logs side by side. It returns nil for a log without an answer within lookTimeout.
func (i *instance) infosOf(names []string) []*jetstream.StreamInfo {
	ctx, cancel := context.WithTimeout(i.down, lookTimeout)
	defer cancel()
	infos := make([]*jetstream.StreamInfo, len(names))
	var questions sync.WaitGroup
	for n, name := range names {
		questions.Go(func() {
			if stream, err := i.js.Stream(ctx, name); err == nil {
				infos[n] = stream.CachedInfo()
			}
		})
	}
	questions.Wait()
	return infos
}

// storedLog returns where a log is stored. info is nil without an answer.
func (i *instance) storedLog(name string, shard int, info *jetstream.StreamInfo, ends *recordEnds) broker.StoredLog {
	l := broker.StoredLog{Shard: shard, Wanted: i.options.replicas()}
	if info == nil {
		return l
	}
	l.Wanted, l.Seen = info.Config.Replicas, time.Now()
	if c := info.Cluster; c != nil {
		l.Leader, l.Replicas = c.Leader, replicasOf(c, ends.appended(name, info.State.LastSeq))
		return l
	}
	l.Leader = i.conn.ConnectedServerName() // a server without a cluster
	l.Replicas = []broker.Replica{{Name: l.Leader, Current: true}}
	return l
}

// replicasOf returns the replicas of a log, its leader first: none if it has no leader, because only the leader knows them. appended is the number of records
// since the last look: under load, one of them is on its way to a replica at each moment. A replica that lacks no more than these is current.
func replicasOf(c *jetstream.ClusterInfo, appended uint64) (list []broker.Replica) {
	if c.Leader == "" {
		return nil
	}
	list = append(list, broker.Replica{Name: c.Leader, Current: true})
	for _, p := range c.Replicas {
		current := p.Current || p.Lag > 0 && p.Lag <= appended
		list = append(list, broker.Replica{Name: p.Name, Offline: p.Offline, Current: current, Lag: p.Lag, Silent: p.Active})
	}
	return list
}
