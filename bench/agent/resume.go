package agent

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
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

// ask is what is said in a step. The poller's lock is held.
func (p *poller) ask(c *conn, step int) string {
	text, resume := p.protocol.Steps[step].Send, p.protocol.Resume
	switch {
	case resume == nil || step < len(p.protocol.Steps)-1:
	case c.position == nil:
		text = resume.Join
	default:
		text = strings.NewReplacer("{{offset}}", strconv.FormatUint(c.position.offset, 10), "{{epoch}}", c.position.epoch).Replace(resume.Rejoin)
	}
	return fill(text, c.handshake.room)
}

// joined reads the answer to the last step: the position of one that comes for the first time, and whether one that comes back is
// given all it missed. One that is not keeps its place in its room's log all the same, so that what it missed is found missing, and
// counted as what it was told of.
func (p *poller) joined(c *conn, text []byte, at int64) error {
	resume := p.protocol.Resume
	answer, _ := p.answer(text)
	back := c.position != nil
	if back && bytes.Contains(answer, []byte(resume.Recovered)) {
		p.count.Resumed++
		return nil // it is where it was; the publications in the answer move it on
	}
	now, ok := resume.position(answer)
	switch {
	case !ok && !back:
		return errNoPosition
	case ok:
		c.position = &now
	}
	if back {
		p.count.Resumed++
		p.count.Missed++
		c.room.told(&c.member, at)
	}
	return nil
}

// answer is the line with the answer to the last step, and what comes behind it, which is live.
func (p *poller) answer(text []byte) (answer, live []byte) {
	i := max(0, bytes.Index(text, []byte(p.protocol.Steps[len(p.protocol.Steps)-1].Expect)))
	answer, live, _ = bytes.Cut(text[i:], []byte("\n"))
	return answer, live
}

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
