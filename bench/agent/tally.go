package agent

// Tally has the counters of a poller, or of several.
type Tally struct {
	Deliveries uint64 `json:"deliveries"` // of our messages, duplicates included
	Foreign    uint64 `json:"foreign"`    // messages that are not ours
	Reads      uint64 `json:"reads"`
	Bytes      uint64 `json:"bytes"`      // of the sockets
	Texts      uint64 `json:"texts"`      // messages
	Text       uint64 `json:"text"`       // bytes of them
	Payload    uint64 `json:"payload"`    // bytes of them in their frames
	Compressed uint64 `json:"compressed"` // those of them that were compressed
	Deflating  int    `json:"deflating"`  // connections that negotiated permessage-deflate
	Pings      uint64 `json:"pings"`
	BadFrames  uint64 `json:"bad_frames"` // connections closed because the server broke RFC 6455
	Closed     int    `json:"closed"`
	Cut        int    `json:"cut"`       // connections that the server closed after they stopped reading
	Opened     int    `json:"opened"`    // connections that became members, first ones and later ones of a client
	Left       int    `json:"left"`      // connections that left, or were killed, as planned
	Resumed    int    `json:"resumed"`   // connections that returned and requested their missed messages
	Missed     int    `json:"missed"`    // those of them to which the server reported a gap
	Recovered  uint64 `json:"recovered"` // recovered deliveries
}

// Add adds the counters of other.
func (t *Tally) Add(other Tally) {
	t.Deliveries += other.Deliveries
	t.Foreign += other.Foreign
	t.Reads += other.Reads
	t.Bytes += other.Bytes
	t.Texts += other.Texts
	t.Text += other.Text
	t.Payload += other.Payload
	t.Compressed += other.Compressed
	t.Deflating += other.Deflating
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

// uncompressed counts deliveries of a size that were not compressed.
func (t *Tally) uncompressed(deliveries uint64, size int) {
	bytes := deliveries * uint64(size)
	t.Deliveries += deliveries
	t.Texts += deliveries
	t.Text += bytes
	t.Payload += bytes
}
