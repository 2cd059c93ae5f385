package cluster

import (
	"log/slog"
	"time"
)

// ownerlessShown is the time without an owner after which a log is named in the log of the program: usually another node owns it before.
const ownerlessShown = 3 * time.Second

// ownerLog logs the changes of the owner of one log. Owned by Run.
type ownerLog struct {
	name  string
	owner string        // ID of the last one
	since time.Duration // without an owner that is alive; 0: it has one
	shown bool
}

// look compares the owner with that of the last look. node is its name; empty if it is not alive. here: it is this node, which logs that by itself.
// quiet: there are other lines about a log without an owner.
func (ol *ownerLog) look(log *slog.Logger, id, node string, here, quiet bool, term uint64, now time.Duration) {
	if node == "" {
		if ol.since == 0 || quiet {
			ol.since = now
		}
		if !ol.shown && now-ol.since >= ownerlessShown {
			ol.shown = true
			log.Warn("a log has no owner that is alive: publications in its rooms wait", "log", ol.name, "for", rounded(now-ol.since))
		}
		return
	}
	if id != ol.owner && !here {
		log.Info("another node owns a log", "log", ol.name, "node", node, "term", term)
	}
	if ol.shown {
		log.Info("a log has an owner again", "log", ol.name, "node", node, "after", rounded(now-ol.since))
	}
	ol.owner, ol.since, ol.shown = id, 0, false
}
