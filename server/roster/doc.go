// Package roster has the members of one room with their roles, what a room is called, and an index of the rooms of each user. A member of a
// roster belongs to the room whether it is connected or not. It has no goroutine and no clock; only Index has a lock, which is a leaf.
//
//	Roster  the members of one room, by user; the caller guards it
//	Info    title, topic, avatar and meta of a room, as JSON
//	Index   the rooms of each user; any goroutine may use it
//
// All of it is in memory. Package chat stores each member and each Info as a value of the room (chat/value.go), and fills them at a start.
package roster
