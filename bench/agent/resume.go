package agent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

// Resume describes how a protocol recovers the missed messages of a client that returns. A client's position is its room's epoch and the
// offset of the last publication it received. A binary protocol needs only the steps: its replies are those of Centrifugo in Protobuf.
type Resume struct {
	Join      string `json:"join"`                // last step of a new client: requests a position
	Rejoin    string `json:"rejoin"`              // last step of a client that returns; {{offset}} and {{epoch}} stand for its position
	Offset    string `json:"offset,omitempty"`    // the text before an offset, in the response and in each publication
	Epoch     string `json:"epoch,omitempty"`     // the text before the epoch, which ends with the next "
	Recovered string `json:"recovered,omitempty"` // the text in a response that recovers all messages
}

// position is a client's position in its room.
type position struct {
	offset uint64
	epoch  string
}

const maxEpoch = 64 // bytes

var errNoPosition = errors.New("no stream position received, which --resume needs: the room must keep its history long enough" +
	" (in throng: a [[room]] with history-size, history-ttl and recovery = true)")

// joinReply is the response to the last step.
type joinReply struct {
	position   position
	positioned bool // it has a position
	recovered  bool // it recovers all missed messages
}

// rejoin returns the last step of a client that returns to the position at.
func (pr *Protocol) rejoin(at *position) string {
	offset := strconv.FormatUint(at.offset, 10)
	if pr.Binary {
		offset = string(binary.AppendUvarint(nil, at.offset))
	}
	return strings.NewReplacer("{{offset}}", offset, "{{epoch}}", at.epoch).Replace(pr.Resume.Rejoin)
}

// answer splits a text into the part that answers the last step, and the live messages after it.
func (pr *Protocol) answer(text []byte) (answer, live []byte) {
	if pr.Binary {
		return binaryAnswer(text)
	}
	i := max(0, bytes.Index(text, []byte(pr.Steps[len(pr.Steps)-1].Expect)))
	answer, live, _ = bytes.Cut(text[i:], []byte("\n"))
	return answer, live
}

// joinReply reads the response to the last step.
func (pr *Protocol) joinReply(answer []byte) (r joinReply) {
	if pr.Binary {
		return binaryJoinReply(answer)
	}
	re := pr.Resume
	r.recovered = bytes.Contains(answer, []byte(re.Recovered))
	_, after, ok := bytes.Cut(answer, []byte(re.Epoch))
	end := bytes.IndexByte(after, '"')
	if !ok || end < 1 || end > maxEpoch {
		return r
	}
	r.position.epoch, r.positioned = string(after[:end]), true
	r.position.offset, _ = re.firstOffset(answer) // a room without messages has no offset
	return r
}

// lastOffset returns the offset of the last publication in text, and false if it has none. rest is what stands behind the last message of the
// run.
func (pr *Protocol) lastOffset(text, rest []byte) (offset uint64, ok bool) {
	if pr.Binary {
		return binaryLastOffset(text)
	}
	return pr.Resume.firstOffset(rest)
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
