package agent

import (
	"bytes"
	"errors"
)

// Resume describes how a protocol recovers the missed messages of a client that returns. A client's position is its room's epoch and the
// offset of the last publication it received.
type Resume struct {
	Join      string `json:"join"`      // last step of a new client: requests a position
	Rejoin    string `json:"rejoin"`    // last step of a client that returns; {{offset}} and {{epoch}} stand for its position
	Offset    string `json:"offset"`    // the text before an offset, in the response and in each publication
	Epoch     string `json:"epoch"`     // the text before the epoch, which ends with the next "
	Recovered string `json:"recovered"` // the text in a response that recovers all messages
}

// position is a client's position in its room.
type position struct {
	offset uint64
	epoch  string
}

const maxEpoch = 64 // bytes

var errNoPosition = errors.New("no stream position received, which --resume needs: the room must keep its history long enough" +
	" (in throng: a [[room]] with history-size, history-ttl and recovery = true)")

// position returns the position that a response reports. It returns false if the response has none.
func (re *Resume) position(answer []byte) (now position, ok bool) {
	_, after, ok := bytes.Cut(answer, []byte(re.Epoch))
	end := bytes.IndexByte(after, '"')
	if !ok || end < 1 || end > maxEpoch {
		return now, false
	}
	now.epoch = string(after[:end])
	now.offset, _ = re.firstOffset(answer) // a room without messages has no offset
	return now, true
}

// firstOffset returns the first offset in text, and false if there is none.
func (re *Resume) firstOffset(text []byte) (offset uint64, ok bool) {
	_, after, _ := bytes.Cut(text, []byte(re.Offset))
	for _, b := range after {
		if b < '0' || b > '9' {
			break
		}
		offset, ok = offset*10+uint64(b-'0'), true
	}
	return offset, ok
}
