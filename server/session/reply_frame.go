package session

import "github.com/centrifugal/protocol"

// ReplyFrame is what the commands of one frame are answered, in one frame. The shard encodes them.
type ReplyFrame struct {
	encoding  Encoding
	list      []*protocol.Reply
	Admission *admission // whose replies are to follow; nil for none
	first     [1]*protocol.Reply
}

func newReplyFrame(e Encoding) *ReplyFrame {
	r := &ReplyFrame{encoding: e}
	r.list = r.first[:0] // most frames have one reply: it costs no allocation of its own
	return r
}

func (rf *ReplyFrame) AppendFrame(dst, scratch []byte, deltas *int) (frame, spent []byte) {
	list := rf.list
	if rf.Admission != nil {
		list = append(list, rf.Admission.replies(deltas)...)
	}
	return appendReplies(dst, scratch, rf.encoding, list)
}
