// Package tlsclient is the client's side of TLS, for the connections of the bench.
//
//	dialer: Client.Handshake (crypto/tls, one record at a time) --> secrets --> tlsrec --> Session
//	poller: Session.Read    sender, poller: Session.Write
//
// A handshake blocks a goroutine of the dialer, which are few. It does not run on a poller: it takes 0.3 ms of CPU, which would be part of
// the latencies measured meanwhile. crypto/tls makes it, not the library of the server (llib): a fault that both ends share would stay
// unseen, and llib would offer ChaCha20-Poly1305 first, which browsers do not.
//
// After the handshake, nothing of crypto/tls remains, which holds 6 KB and more. The records are those of server/tlsrec, the only package of the
// server's TLS that the client shares. A fault of it that both ends have would not show in a run against throng: so its tests compare it with
// crypto/tls in both roles, and the tests of this package have servers of crypto/tls.
//
// Each connection makes a full handshake. Sessions are not resumed.
package tlsclient
