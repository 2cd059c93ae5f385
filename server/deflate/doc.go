// Package deflate implements permessage-deflate (RFC 7692) on bytes, without context takeover: it negotiates the extension, compresses a
// message for all of its receivers, and inflates the message of a client. Nothing is kept for a connection, or between two messages. It has
// no socket, no clock and no goroutine.
package deflate
