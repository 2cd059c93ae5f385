// Package tlshandshake makes the server's side of TLS handshakes, and hands each over to the record layer of package tlsrec as soon as it is
// complete.
//
//	socket --> recordConn --> engine: llib or crypto/tls --> keyLog: secrets --> tlsrec.New --> Result
//	           one record at a time                          of this connection only
//
// The engine gets the records of the peer one at a time, so it never holds bytes after the handshake: these are in Result.Rest, still
// sealed. It gets a Config of its own for each connection, so that the key log of one is never mixed with that of another: a client that
// repeats the random of another client's hello would get the secrets of that client from a shared log.
//
// Handshake blocks on the socket, but computes only while it holds one of the slots of Config.Workers: many handshakes at once leave the
// processor to the event loop. Handshakes that have begun go first, then addresses take turns (turns.go). The caller bounds the number of
// handshakes and their time. A handshake whose connection it closes leaves the queue.
//
// Two engines have the same result. EngineLLib is github.com/lesismal/llib, a copy of crypto/tls that holds half the memory while it waits.
// EngineStd is crypto/tls: it is the oracle of the tests, and stands in when a fault of llib becomes known.
//
// Sessions are resumed in TLS 1.3 only: both engines keep the secret of a resumed TLS 1.2 session to themselves. 0-RTT data is never accepted.
package tlshandshake
