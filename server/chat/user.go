package chat

import "github.com/throng-chat/throng/server/limiter"

// User is somebody with one connection or more. Guarded by Hub.UsersMu.
type User struct {
	name    string
	clients []userClient
	meter   limiter.Meter // of publications
}

// userClient is a connection of a user: what the chat wants of it.
type userClient interface {
	// ClientID is the connection's id, which everybody may see.
	ClientID() string

	// Execute does what the application commands, on the goroutine that owns the client, and calls done there, once, with what came of it.
	// Any goroutine may call it; it does not block.
	Execute(command UserCommand, done func(*Rejection))
}
