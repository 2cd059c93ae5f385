// Package embedded gives the program that contains a server its subscriptions: to rooms, and to what clients do. A subscription is a queue
// in package chat (Listener, Feed) and one goroutine, which calls the function of the program. The event loop never waits for it. A full queue
// makes a listener continue in the history. A feed, of all rooms of a pattern or of activities, loses what finds its queue full, and counts it.
package embedded
