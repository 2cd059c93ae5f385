package agent

// Tally is what pollers count.
type Tally struct {
	Deliveries uint64 `json:"deliveries"` // of our messages, duplicates too
	Foreign    uint64 `json:"foreign"`    // messages that are not ours
	Reads      uint64 `json:"reads"`
	Bytes      uint64 `json:"bytes"`
	Pings      uint64 `json:"pings"`
	BadFrames  uint64 `json:"bad_frames"` // connections closed for breaking RFC 6455
	Closed     int    `json:"closed"`
	Cut        int    `json:"cut"`       // closed by the server after they stopped reading
	Opened     int    `json:"opened"`    // connections that became members, again or for the first time
	Left       int    `json:"left"`      // that left, or were killed, as planned
	Resumed    int    `json:"resumed"`   // that came back and asked for what they had missed
	Missed     int    `json:"missed"`    // of those, told that not all of it is left
	Recovered  uint64 `json:"recovered"` // deliveries that they were given for it
}

// Add adds another's.
func (t *Tally) Add(other Tally) {
	t.Deliveries += other.Deliveries
	t.Foreign += other.Foreign
	t.Reads += other.Reads
	t.Bytes += other.Bytes
	t.Pings += other.Pings
	t.BadFrames += other.BadFrames
	t.Closed += other.Closed
	t.Cut += other.Cut
	t.Opened += other.Opened
	t.Left += other.Left
	t.Resumed += other.Resumed
	t.Missed += other.Missed
	t.Recovered += other.Recovered
}
