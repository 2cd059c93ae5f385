// Package home appends what durable rooms propose to a log, many proposals in one record, and reports what is committed. It knows the log
// (package broker) and the records (package record), and nothing of rooms: package chat implements Rooms.
//
//	Home.Add, Add, ... --> open record --> Kick: seal, Log.Append --> done --> Rooms.Commit: in the order of Add
//	                                       at most two are open
//
// Group commit has no timer: while two appends are open, proposals gather in the open record. It is sealed when an append ends.
//
// An append that fails, or that takes longer than AppendTimeout, ends the log: Rooms.Discard gets all proposals that are not committed, and
// Add returns ErrNotReady. Run then opens the log again, replays the records behind the last one that was applied, and appends a fence. A
// record with an unknown outcome is found by that replay, or never: the fence has its sequence number.
//
// The log loses its oldest records when half of them are not needed, or when it is too large (Run). Before that, the rooms propose again what only
// these records have, a part at a time (Rooms.Carry), and the home appends a checkpoint.
//
// In a cluster, the rooms in memory have a log of another kind (Memory): each node has a copy, and an append does not wait. An owner may not have all
// records of the one before it (Takeover): then its rooms get a new generation (Rooms.Fork). If the log has the records of another owner, the rooms begin
// again with these (Rooms.Reset).
//
// State and its life: all of it is in the log. A restart replays the log before it serves (Open). A reload of the configuration changes
// nothing here. On a second node, a fence ends the appends of this one.
package home
