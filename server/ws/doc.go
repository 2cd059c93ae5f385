// Package ws speaks RFC 6455 as bytes: it encodes frames, turns a peer's bytes into messages, reads and writes close
// frames and checks the opening handshake. It knows no socket and no clock, and starts no goroutine.
package ws
