package result

// SpreadTarget is one of several servers over which the members of each room are spread. The latencies are those of the whole run, from the
// scheduled time, without recovered messages.
type SpreadTarget struct {
	URL          string        `json:"url"`
	Members      int           `json:"members"` // connections that opened here first
	MembersAtEnd int           `json:"members_at_end"`
	Publishers   int           `json:"publishers"`
	Sent         uint64        `json:"sent"`   // messages of the publishers here
	Own          *Distribution `json:"own"`    // latency here of the messages of the publishers here
	Others       *Distribution `json:"others"` // latency here of the messages of the publishers at the other targets
}
