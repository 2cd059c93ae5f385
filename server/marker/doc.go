// Package marker has a table of one number for each of many users, in little memory: the read markers of one room, or when users were last
// connected. It has no lock, no goroutine, no clock and no log: package chat stores each entry as a value (chat/value.go), guards the table and
// fills it at a start.
//
// A read marker is the offset of the last publication that a user has read, in one epoch of the room. In another epoch it means the same as
// none, because offsets may begin again. A marker in front of the oldest publication of a room means the same as none as well: all that the room
// has is unread. So the entries with the lowest numbers are the first to be dropped when a table has MaxMarkers.
package marker
