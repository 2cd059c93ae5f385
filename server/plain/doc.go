// Package plain is a client of /ws. It is a member of one room, publishes each message that it sends there, and receives the publications of the
// room.
package plain
