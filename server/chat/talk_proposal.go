package chat

// snapshotProposal is snapshots of messages in the open record, that are not committed.
type snapshotProposal struct {
	room      *Room
	snapshots []snapshot
	since     valueAt // record from which on the log has what the snapshots do not have
}
