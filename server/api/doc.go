// Package api is the server API: the application publishes, moderates and asks by HTTP.
//
//	request --> API.ServeHTTP (http.go) --> decode, nearest names (decode.go) --> method (methods.go, api.go) --> chat.Hub, session.Sessions
//	            key (request.go), size      one command, several, or a batch (batch.go)        answer, streamed (answer.go)
//
// openapi.json describes the methods; a test holds the answers to it. A file uses those behind it: http.go, methods.go, batch.go and the
// methods (moderation.go, users.go, publish.go, rooms.go, server.go), decode.go, api.go, answer.go, errors.go, request.go.
package api
