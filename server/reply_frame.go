package server

import "github.com/centrifugal/protocol"

// replyFrame is what the commands of one frame are answered, in one frame. The shard encodes them.
type replyFrame struct {
	encoding  encoding
	list      []*protocol.Reply
	admission *admission // whose replies are to follow; nil for none
	first     [1]*protocol.Reply
}

func newReplyFrame(e encoding) *replyFrame {
	r := &replyFrame{encoding: e}
	r.list = r.first[:0] // most frames have one reply: it costs no allocation of its own
	return r
}

func (r *replyFrame) AppendFrame(dst, scratch []byte, deltas *int) (frame, spent []byte) {
	list := r.list
	if r.admission != nil {
		list = append(list, r.admission.replies(deltas)...)
	}
	return appendReplies(dst, scratch, r.encoding, list)
}
