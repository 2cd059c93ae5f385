package agent

// The numbers of the fields of Centrifugo's client protocol that a position needs (client.proto).
const (
	replyPush             = 4
	replySubscribe        = 6
	pushPublication       = 4
	publicationOffset     = 6
	subscribeEpoch        = 6
	subscribePublications = 7
	subscribeRecovered    = 8
	subscribeOffset       = 9
)

// binaryAnswer splits a message of Protobuf into the reply to the last step, with its length, and the messages after it.
func binaryAnswer(b []byte) (answer, live []byte) {
	for {
		reply, rest, ok := cutMessage(b)
		if !ok {
			return nil, b
		}
		if _, is := lastField(reply, replySubscribe); is {
			return b[:len(b)-len(rest)], rest
		}
		b = rest
	}
}

// binaryJoinReply reads the reply to the last step, which stands behind its length.
func binaryJoinReply(answer []byte) (r joinReply) {
	reply, _, _ := cutMessage(answer)
	result, _ := lastField(reply, replySubscribe)
	recovered, _ := lastField(result.bytes, subscribeRecovered)
	epoch, _ := lastField(result.bytes, subscribeEpoch)
	offset, _ := lastField(result.bytes, subscribeOffset) // a room without messages has none
	r.recovered = recovered.number == 1
	if n := len(epoch.bytes); n >= 1 && n <= maxEpoch {
		r.position, r.positioned = position{offset: offset.number, epoch: string(epoch.bytes)}, true
	}
	return r
}

// binaryLastOffset returns the offset of the last publication in the messages of b, each behind its length. It returns false if b has none.
func binaryLastOffset(b []byte) (offset uint64, ok bool) {
	var last []byte
	for {
		reply, rest, more := cutMessage(b)
		if !more {
			break
		}
		if publication, is := publicationOf(reply); is {
			last = publication
		}
		b = rest
	}
	f, ok := lastField(last, publicationOffset)
	return f.number, ok
}

// publicationOf returns the last publication of a reply: that of a push, or the last one that a join recovers.
func publicationOf(reply []byte) (publication []byte, ok bool) {
	if push, is := lastField(reply, replyPush); is {
		f, ok := lastField(push.bytes, pushPublication)
		return f.bytes, ok
	}
	result, _ := lastField(reply, replySubscribe)
	f, ok := lastField(result.bytes, subscribePublications)
	return f.bytes, ok
}
