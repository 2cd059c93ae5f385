// Package cluster makes a server a node of a cluster. It joins the parts that know nothing of each other: the engine with the messages between nodes
// (package broker), the members (package member), the requests to owners (package link), the logs (package home) and the rooms (package chat).
//
//	client --> chat: forward --> link.Queue --> Node --> engine --> Node of the owner: chat.Serve --> home: one record of many requests --> log
//	       <-- chat: replay  <-- home.Apply  <-- Node <-- engine <-- Node of the owner: home, after the commit <------------------------------+
//
// Each node has all rooms that have a log: it applies each record, as a restart would. So clients join, recover and read on their own node. In a
// cluster the rooms that are not durable have a log in memory (package memlog): it has no majority, so it goes on when a durable log waits for one.
//
// A cluster has several durable logs, and a hash of its name decides which one has a room (record.LogOf). A log has one owner, which gives the offsets. Its fence in the log ends the appends of the owner before it. Heartbeats only decide who tries
// (package member). A record that does not arrive is noticed by the next one, or by the next heartbeat, and is read from the log.
//
// # Messages between nodes
//
// The first byte is the lowest version that has the message (messages.go), the second the kind. A number is a uvarint; the number of a log is a varint.
//
//	| kind | message   | contents                                                              | from, to            |
//	|------|-----------|-----------------------------------------------------------------------|---------------------|
//	| 1    | heartbeat | member.Heartbeat as JSON                                              | each node, all      |
//	| 2    | record    | log, number of the record, record                                     | owner, all          |
//	| 3    | requests  | log, a record whose header has the term and the oldest open request   | node, owner         |
//	| 4    | answers   | log, term, answers (link.AppendAnswer)                                | owner, node         |
//	| 5    | command   | chat.TargetedCommand as JSON, with a number                           | node, all           |
//	| 6    | executed  | result of a command as JSON, with its number                          | node, node          |
//	| 7    | presence  | number, flags, changes of presence and of numbers (presence_wire.go)  | node, node          |
//	| 8    | wanted    | nothing: the receiver sends its whole presence                        | node, node          |
//	| 9    | read      | log, memlog: number, last record of the node and its term             | node, owner         |
//	| 10   | part      | log, memlog: number, records of the copy of the owner                 | owner, node         |
//
// Versions that differ by 1 work together (versions.go). A node drops messages that it cannot read, and counts them.
//
// State and its life: membership and requests are in memory and end with the process. A reload changes nothing here.
package cluster
