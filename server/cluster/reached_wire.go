package cluster

// reached is what a node has applied. A node that executes a command of another one first applies what that one had: else a client that a ban has
// disconnected could connect again to a node that does not know of the ban yet.
type reached struct {
	Sanctions uint64         `json:"sanctions,omitempty"` // revision of the table
	Logs      map[int]uint64 `json:"logs,omitempty"`      // number of the last record of each log
}
