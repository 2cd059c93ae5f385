// Package tlsconn carries a connection over the TLS records of package tlsrec: Conn in the event loop (a fanout.Transport), and Stream
// outside of it, for the head of a request and for net/http. The handshake is complete (package tlshandshake).
//
//	tlshandshake.Result --> Stream --> head of a request --> net/http
//	                                                     \-> Conn --> event loop
//
// In the event loop, the poller opens records in its own buffer, and the shard seals into a buffer of a pool. A connection keeps what
// belongs to it alone: keys, the part of an incomplete record, and sealed bytes that its full socket did not take.
//
// A KeyUpdate that asks for one in return is answered in front of the next bytes that are sent (RFC 8446, 4.6.3), so however many of them
// come, a connection that sends nothing answers none. A record that breaks the protocol ends the connection. Its peer is sent the alert,
// unless sealed bytes wait.
package tlsconn
