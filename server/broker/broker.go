package broker

import (
	"context"
	"errors"
	"time"
)

// MaxRecord is the largest record of a log, in bytes. It is a message of 1 MiB less 1 KiB for its head.
const MaxRecord = 1<<20 - 1<<10

// MaxAppends is the number of appends of a log that may be open at the same time.
const MaxAppends = 2

// MaxLogs is the largest number of logs of durable rooms.
const MaxLogs = 64

// MemoryShard is the number of the log of the rooms in memory, in a cluster. Engines do not have it: each node has a copy in its process (package
// memlog).
const MemoryShard = -1

// A NodeID names one run of one node: a restarted node has another one.
type NodeID string

// Engine is what one process shares with its next run and with other nodes. All methods are for any goroutine.
type Engine interface {
	Self() NodeID
	// Open returns the log of a shard. Its first call creates the log. A log that is opened again does not end the earlier Log: its owner
	// closes it. Errors: ErrClosed, ErrUnavailable, ErrFull, those of ctx.
	Open(ctx context.Context, shard int) (Log, error)
	// Logs returns the number of logs of durable rooms that the data were created for. Its first call creates the first log, shard 0, with the
	// number wanted; later ones return the same number. Data whose first log was created by Open have one. Errors: those of Open.
	Logs(ctx context.Context, wanted int) (int, error)
	// Health does not block and is cheap: the owner of rooms may read it for each publication.
	Health() Health
	// Table returns the table with this name, which has the syntax of a key. Its first call creates the table.
	Table(ctx context.Context, name string) (Table, error)

	// Send sends b to one node, in order. It does not block. The receiver notices a loss. b belongs to the engine from now on.
	Send(to NodeID, b []byte)
	// Broadcast sends b to all other nodes, like Send.
	Broadcast(b []byte)
	// Receive sets the function that gets the messages of other nodes, on one goroutine. b is lent for the call. Call Receive once.
	Receive(f func(from NodeID, b []byte))
	// Lost sets the function that is called when messages to this node may be missing. Call Lost once.
	Lost(f func())

	// Close completes the open appends, with their result or with ErrClosed, and releases the data directory. It waits until the last done
	// was called, so do not call it in a done or with a lock that a done takes. ctx bounds the wait.
	Close(ctx context.Context) error
}

// Health is the state of an engine at a moment.
type Health struct {
	// Err is nil if the engine accepts appends. ErrFull: the disk has no space for them. ErrUnavailable: the engine is down and starts
	// again by itself. While Err is not nil, appends fail at once, so new publications are better rejected before they join a record, and a
	// log is better opened again when Err is nil.
	Err error
	// Stored is the number of bytes of all logs and tables.
	Stored int64
	// Lost is the number of damaged or lost records that replays have found since the start. A record counts once for each replay.
	Lost uint64
	// RestoredEntries and LostEntries are the numbers of damaged entries of tables since the start: those that the engine has restored from
	// their copies, and those that may be lost, since all copies are damaged.
	RestoredEntries, LostEntries uint64
	// Dropped is the number of messages from and to other nodes that were dropped since the start, because too many waited.
	Dropped uint64
	// Free and Size are bytes of the file system with the data directory. 0: not known.
	Free, Size int64
}

// StoredLog is where a log is stored. Only engines whose logs have replicas know it: they have a method Stored, which returns what they saw last, of
// the logs that were opened.
type StoredLog struct {
	Shard    int
	Wanted   int    // replicas
	Leader   string // of the servers; empty: none
	Replicas []Replica
	Seen     time.Time // when the leader answered
}

// Replica is a server with a copy of a log.
type Replica struct {
	Name    string
	Offline bool
	Current bool          // it has all that was committed at the look before, as far as the leader knows
	Lag     uint64        // entries of the replication that it lacks: an entry is a record, or a step of the replication itself
	Silent  time.Duration // since the leader received something of it, at Seen; 0 for the leader
}

// Log is a sequence of records with the numbers 1, 2, 3, ... without holes. Trim and the retention of the engine remove the oldest.
type Log interface {
	// ID is the random identity that the log got when it was created: 16 bytes or more, printable. A log with another ID has nothing of the
	// records of this one, even at the same sequence numbers.
	ID() string
	// Extent returns the sequence numbers of the oldest and the newest record that are stored, as a hint for progress and checks. An empty
	// log has first == last+1. last is the number of the newest record that was ever appended, also if it was removed since.
	Extent(ctx context.Context) (first, last uint64, err error)
	// Replay calls f for each stored record with a number greater than after, in order. record is lent for the call. If the oldest records
	// were removed, the first number is greater than after+1; after it there are no holes. A nil record was committed and is damaged or lost
	// on the disk: its owner does not know what it had. Replay returns the number of the newest record
	// that was ever appended, also if all were removed. An error of f ends the replay and is returned as it is. An append that is made
	// during the replay may be found or not, and so may a record that is removed during it.
	Replay(ctx context.Context, after uint64, f func(seq uint64, record []byte) error) (last uint64, err error)
	// Append makes record number expected+1, if the newest record has the number expected. It does not block. record belongs to the log
	// from now on; it has 1 to MaxRecord bytes.
	//
	// done is called exactly once, on the goroutine of the log, never inside Append, in the order of the appends. An append is open until
	// its done is called, so done may append the next record. At most MaxAppends may be open; Append panics at one more, and at a record
	// of a wrong size. The second append may expect the number that the first one makes.
	//
	// done(nil): the record is committed. Any error: the log is to be opened again. Each later append of this Log fails, too, and nothing is
	// stored of an append that is made after such a done. ErrFenced: the record is not stored, unless an append of the same bytes with an unknown outcome made it before. ErrFull,
	// ErrUnavailable, ErrClosed: the outcome is unknown. A slow disk has no timeout: done is called when the disk answers, and the caller
	// decides how long it waits. After Close of the log each done is called with ErrClosed.
	Append(expected uint64, record []byte, done func(error))
	// Err returns why each later append fails, or nil. It does not block and is cheap.
	Err() error
	// Trim removes the records with numbers up to and including upTo. Numbers are not used again.
	Trim(ctx context.Context, upTo uint64) error
	// Close ends this Log. The records stay. It does not block and may be called in a done. The done of each open append is called soon
	// after with ErrClosed, if it was not called before; the append is stored or not. A second call does nothing.
	Close()
}

// Table is a small set of keys with values, durable and known to all nodes. All methods are for any goroutine.
type Table interface {
	// Put stores a value of 1 to MaxValue bytes and returns its revision. Revisions of a table rise with each change. ifRevision: nil stores
	// in any case; 0 only if the key has no value; another number only if that is the revision of its value. Otherwise the error is
	// ErrConflict. With ttl > 0 the key ends by itself after ttl, rounded up to whole seconds, and watches report it. A later Put without
	// ttl keeps it for ever. When Put returns nil, the value is committed.
	Put(ctx context.Context, key string, value []byte, ifRevision *uint64, ttl time.Duration) (revision uint64, err error)
	// Delete removes a key, also one without a value.
	Delete(ctx context.Context, key string) (revision uint64, err error)
	// Watch calls f on the calling goroutine: first for each key with a value, with current == false, then once with the key "" and current
	// == true, then for each change, with current == true. A nil value means that the key was removed or has ended. value is lent for the
	// call. Changes of one key are reported in order; of two quick changes the first may be left out. The first pass may report removed
	// keys, and it does not report keys that were removed before it: after a second Watch, drop the keys that its first pass did not name.
	//
	// Watch ends with the error of ctx, with ErrClosed, or with ErrUnavailable: then call it again.
	Watch(ctx context.Context, f func(key string, value []byte, revision uint64, current bool)) error
}

// The errors of engines. They are wrapped with details: use errors.Is.
var (
	ErrFenced      = errors.New("another owner has appended to the log")
	ErrUnavailable = errors.New("the storage engine is not available")
	ErrFull        = errors.New("the disk has no space")
	ErrConflict    = errors.New("the key has another revision")
	ErrClosed      = errors.New("the storage engine is closed")
	// ErrReplaced is of a log in memory: its records are now those of another owner. Drop the state, and replay from 0.
	ErrReplaced = errors.New("the log has the records of another owner")
)
