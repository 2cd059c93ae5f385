// Package tlsrec is the record layer of TLS 1.3 and 1.2 for a connection whose handshake is complete: it opens the records of the peer and
// seals records for it. The AEADs and the key derivation are those of the standard library and of golang.org/x/crypto.
//
//	tlshandshake --> Keys --> New --> Conn --> In.Open:  bytes of the socket --> Record   (owned by the poller)
//	                                       --> Out.Seal: plaintext --> bytes for the socket (owned by the shard)
//
// In and Out share nothing, so each may have an owner of its own. Neither has a goroutine, a clock or a lock. One thing crosses from In to
// Out: the answer to a KeyUpdate that asks for one. In reports it as UpdateRequested, and the owner of Out calls Out.KeyUpdate.
//
// The cipher suites are those of TLS 1.3 but CCM, and of TLS 1.2 ECDHE with AES-GCM or ChaCha20-Poly1305.
//
// # Rules
//
//   - A sequence number is used once. The bytes that Seal returns are sent as they are: the caller keeps what a full socket does not accept, and
//     never seals the same plaintext again in its place.
//   - Records that carry no application data (empty records, KeyUpdates, warnings, session tickets) are counted. More than MaxUseless of
//     them in a row end the connection (CVE-2026-56862), as do more KeyUpdates than the data between them allows (MaxUpdates).
//   - A record authenticates, or the connection ends.
//   - After RekeyAfter records under one AES-GCM key, Seal sends a KeyUpdate by itself (RFC 8446, 5.5).
//
// # Memory
//
// A Conn has 264 bytes for both directions. An AES-GCM object has 1.2 KB for each direction; Park gives it up until the next record. While a
// record is incomplete, In holds the bytes that have arrived.
package tlsrec
