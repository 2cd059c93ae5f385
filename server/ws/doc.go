// Package ws implements RFC 6455 on bytes, with the frames of permessage-deflate (RFC 7692): it encodes frames, decodes the bytes of a peer into messages, reads and writes close frames, and
// checks the opening handshake. It has no socket, no clock and no goroutine.
package ws
