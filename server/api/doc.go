// Package api is the server API: the application publishes, moderates and asks by HTTP.
//
//	request --> API.ServeHTTP (api.go) --> decode, nearest names (decode.go) --> method (methods.go) --> chat.Hub, session.Sessions
//	            key, size                  one command, several, or a batch (batch.go)        answer, streamed (answer.go)
//
// openapi.json describes the methods; a test holds the answers to it.
package api
