// Package deflate implements permessage-deflate (RFC 7692) on bytes: it negotiates the extension, compresses a message for all of its
// receivers, by itself or with the Context that they share, and inflates the message of a client. Nothing is kept for a connection. It has no
// socket, no clock and no goroutine.
package deflate
