package cluster

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/throng-chat/throng/server/cluster/member"
)

// peersLog logs the nodes whose peers are not those of this node. Each node counts a majority of its own peers, so two lists may make two majorities. Owned by
// Run.
type peersLog struct {
	log   *slog.Logger
	peers []string          // of this node; nil: not known
	seen  map[string]string // ID of the last run of each node
}

// look compares the peers of each run of a node once.
func (pl *peersLog) look(members []*member.Member) {
	for _, m := range members {
		if pl.seen[m.Name] == m.ID {
			continue
		}
		pl.seen[m.Name] = m.ID
		if differs := otherPeers(pl.peers, m); differs != "" {
			pl.log.Warn("a node has other peers: set the same peers on all nodes", "node", m.Name, "error", differs)
		}
	}
}

// otherPeers returns how the peers of another node differ from those of this one; empty if they do not, or are not known.
func otherPeers(mine []string, m *member.Member) string {
	if mine == nil || m.Peers == nil {
		return ""
	}
	var differs []string
	for _, d := range []struct {
		what     string
		of, less []string
	}{{"has also", m.Peers, mine}, {"lacks", mine, m.Peers}} {
		only := slices.DeleteFunc(slices.Clone(d.of), func(peer string) bool { return slices.Contains(d.less, peer) })
		if len(only) > 0 {
			differs = append(differs, d.what+" "+strings.Join(only, ","))
		}
	}
	if differs == nil {
		return ""
	}
	return fmt.Sprintf("node %s %s in its peers", m.Name, strings.Join(differs, ", and "))
}
