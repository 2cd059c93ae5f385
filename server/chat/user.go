package chat

import "github.com/throng-chat/throng/server/limiter"

// User is a user with open connections. An anonymous connection has one of its own if users have a rate, with the meter only, else none. Guarded by Hub.UsersMu.
type User struct {
	name    string
	clients []userClient
	since   []int64       // of each client: when it was added, in milliseconds since 1970; closingSince: it is being closed
	meter   limiter.Meter // of publications
}

// userClient is a connection of a user.
type userClient interface {
	// ClientID returns the connection ID, which is public.
	ClientID() string

	// Execute posts a command to the goroutine that owns the client. That executes it and calls done once with the result. Any goroutine may
	// call Execute; it does not block.
	Execute(command UserCommand, done func(*Rejection))
}
