package agent

import (
	"bytes"
	"errors"
)

// Resume is how a protocol gives a client that comes back what it missed. A client's position is its room's epoch and the offset
// of the last publication it had.
type Resume struct {
	Join      string `json:"join"`      // for the last step, the first time: it asks for a position
	Rejoin    string `json:"rejoin"`    // for the last step of one that comes back; {{offset}} and {{epoch}} stand for its position
	Offset    string `json:"offset"`    // what stands before an offset, in the answer and in each publication
	Epoch     string `json:"epoch"`     // what stands before the epoch, which ends with the next "
	Recovered string `json:"recovered"` // what only an answer that leaves nothing out has
}

// position is what a client knows of where it is in its room.
type position struct {
	offset uint64
	epoch  string
}

const maxEpoch = 64 // bytes

var errNoPosition = errors.New("no stream position received, which --resume needs: the room must keep its history long enough" +
	" (in throng: a [[room]] with history-size, history-ttl and recovery = true)")

// position is where an answer says that the room is.
func (re *Resume) position(answer []byte) (now position, ok bool) {
	_, after, ok := bytes.Cut(answer, []byte(re.Epoch))
	end := bytes.IndexByte(after, '"')
	if !ok || end < 1 || end > maxEpoch {
		return now, false
	}
	now.epoch = string(after[:end])
	now.offset, _ = re.firstOffset(answer) // a room in which nothing was said has none
	return now, true
}

// firstOffset is the first offset in text.
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
