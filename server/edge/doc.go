// Package edge is the public port: it accepts, reads request heads, admits handshakes and answers everything else by net/http.
//
//	Door.run (door.go) --> head complete? --> admit (admission.go) --> reserve, enter (upgrade.go) --> plain.Open or Sessions.Open
//	  accept                    | no              | rejected
//	                            v                 v
//	                       a goroutine waits   net/http: page, guest tokens, API, rejections (routes.go, guest.go, answers.go)
//
// Sockets that are not in the event loop count, in all and for each address, in whatever state they are (handshakes.go); where there are
// too many, the least useful is closed (evict.go). Answers are written for as long as the peer takes them (progress.go).
package edge
