// Package memlog is the log of the rooms in memory of a cluster: a broker.Log without a disk and without a majority. Each node has a copy of it in
// its own process. The owner appends to its copy at once, and sends each record to the other nodes. It knows records (package record), and nothing
// of rooms.
//
//	owner: handle.Append --> ring --> done --> home: record to all nodes --> Log.Receive --> ring of each node --> home.Apply
//	                          ^                                                   |
//	                          +---- read, part <--- Log.Sync <--- a hole, or a later term
//
// # Copies
//
// A record has the term of its owner and its number. An owner begins with a fence: it has the next term, and the term of the record before it. So two
// copies that have a record of the same term at the same number are equal up to it. A node that follows accepts the next number of its own term, or a
// fence whose term before is its own. All else is a hole: Sync reads from the owner what is behind the last record of this node.
//
// If the owner does not have that record, or has removed the records behind it, the copies differ: after a partition, or because this node has
// received more from the owner before. Then Sync reads the whole copy of the owner and replaces its own. The next Replay returns
// broker.ErrReplaced: the rooms begin again with the new copy. A later term always wins.
//
// # Bounds
//
// The owner removes records (Trim, by package home): its copy has at most data-bytes. A node that follows removes the same ones when it has all that
// the owner had appended before. While Sync replaces a copy, both are in memory. A part has at most maxPart bytes, and one is on its way at a time.
//
// State and its life: all of it is in memory. A node that starts reads it from the owner. If all nodes stop, it is lost. A reload changes nothing.
package memlog
