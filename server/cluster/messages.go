package cluster

import (
	"encoding/binary"
	"encoding/json"

	"github.com/throng-chat/throng/server/cluster/member"
)

// Versions of the messages between nodes. The first byte of a message is the lowest version that has it, so that the nodes of the version before read what
// they know. A node sends another one only what its version has.
const (
	oldestVersion = 2 // that this node reads
	newestVersion = 4 // with several durable logs
)

// logsVersion is what a node of a cluster with several durable logs says: nodes of version 3, which have one, do not work with it.
const logsVersion = 5

// Kinds of messages, the second byte.
const (
	kindHeartbeat = 1 + iota
	kindRecord
	kindRequests
	kindAnswers
	kindCommand
	kindExecuted
	kindPresence
	kindWanted
	kindRead
	kindPart
)

const headSize = 2 + 2*binary.MaxVarintLen64

func head(kind byte, size int) []byte {
	return append(make([]byte, 0, headSize+size), oldestVersion, kind)
}

func jsonMessage(kind byte, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // no type of it can fail
	}
	return append(head(kind, len(b)), b...)
}

func recordMessage(shard int, seq uint64, record []byte) []byte {
	b := binary.AppendVarint(head(kindRecord, len(record)), int64(shard))
	return append(binary.AppendUvarint(b, seq), record...)
}

func requestsMessage(shard int, record []byte) []byte {
	return append(binary.AppendVarint(head(kindRequests, len(record)), int64(shard)), record...)
}

// readMessage is for package memlog: a read, or the answer to one.
func readMessage(shard int, read bool, body []byte) []byte {
	kind := byte(kindPart)
	if read {
		kind = kindRead
	}
	return append(binary.AppendVarint(head(kind, len(body)), int64(shard)), body...)
}

func answersMessage(shard int, term uint64, answers []byte) []byte {
	b := binary.AppendVarint(head(kindAnswers, len(answers)), int64(shard))
	return append(binary.AppendUvarint(b, term), answers...)
}

// versionOf returns the newest version of the messages that a node reads.
func versionOf(h *member.Heartbeat) int { return max(h.Reads, oldestVersion) }
