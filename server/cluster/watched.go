package cluster

import "log/slog"

// watched is the state at the last look. Owned by Run.
type watched struct {
	nodes  nodesLog
	owners map[int]*ownerLog // by the number of the log
	losses lossLog
	peers  peersLog
}

func newWatched(log *slog.Logger, size int, peers []string) watched {
	return watched{
		nodes: nodesLog{log: log, size: size, seen: map[string]*seenNode{}}, owners: map[int]*ownerLog{}, losses: lossLog{map[string]*shownLoss{}},
		peers: peersLog{log: log, peers: peers, seen: map[string]string{}},
	}
}
