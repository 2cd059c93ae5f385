// Package plain is a client of /ws: it is in one room, what it sends is published there as it is, and it receives what is published there.
package plain
