// Package edge is the public port: it accepts, reads request heads, admits handshakes and answers everything else by net/http.
//
//	Door.Run (door.go) --> head complete? --> admit (admission.go) --> Reserve, enter (upgrade.go) --> plain.Open or Sessions.Open
//	  accept                    | no              | rejected
//	                            v                 v
//	                       a goroutine waits   net/http: page, guest tokens, API, rejections (routes.go, guest.go, answers.go)
//
// Sockets that are not in the event loop (handshake.go) count, in all and for each address, in whatever state they are (handshakes.go);
// where one comes to another state (stages.go) and there are too many, the least useful is closed (evict.go). Answers are written for as
// long as the peer takes them (progress.go).
//
// Edge (edge.go) stands behind the door, and is what all of these decide by; arrivals.go, guest_bounds.go and proxies.go are parts of it.
package edge
