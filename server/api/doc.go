// Package api is the server API: the application publishes, moderates and reads rooms by HTTP.
//
//	request --> API.ServeHTTP (http.go) --> decode, nearest names (decode.go) --> method (methods.go, api.go) --> chat.Hub, session.Sessions
//	            key (request.go), size      one command, several, or a batch (batch.go)        response, in pieces (response.go)
//
// openapi.json describes the methods; a test compares the responses with it. A file uses those after it in this list: http.go, methods.go, batch.go and the
// methods (publish.go, subscribe.go, sanction.go, rooms.go, ...), target.go, params.go, decode.go, api.go, response.go, errors.go, request.go.
package api
