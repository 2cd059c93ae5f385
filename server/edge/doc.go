// Package edge is the public port. It accepts connections, reads request heads and authorizes WebSocket handshakes. net/http handles all
// other requests.
//
//	Acceptor.Run --> head complete? --> authorize (admission.go) --> Reserve, open (upgrade.go) --> plain.Open or Sessions.Open
//	                    | no              | other request, or rejected
//	                    v                 v
//	                 a goroutine waits   net/http: page, guest tokens, API, rejections (routes.go, guest.go, responses.go)
//
// The HTTP fallbacks (fallback.go, emulation.go) have requests whose response becomes a connection of the event loop, or that bring commands for
// one. A complete request for a stream needs no net/http (fallback_accept.go).
//
// Pending (pending.go) has the connections that are not in the event loop, and bounds their number in all, in each state and for each
// address. If a change of state exceeds a limit, it closes the least useful connection (evict.go). A response is written as long as the peer
// makes progress (pending_conn.go).
//
// A connection of the TLS port makes its TLS handshake (tls.go) before its head is read, and is pending meanwhile.
//
// Edge (edge.go) has the settings and the parts that all of these use: connect_rate.go, guest_bounds.go and proxies.go.
package edge
