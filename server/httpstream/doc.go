// Package httpstream is the part of the HTTP fallbacks that knows neither sessions nor rooms: how messages become chunks of an HTTP response
// that does not end, and how the commands of HTTP requests reach the connection of that response.
//
//	POST /connection/http_stream --> the response is a connection of the event loop --> Framing: each message is a chunk, shared by all
//	GET  /connection/sse             (Transport, a fanout.Transport)                    receivers of the format
//	POST /emulation --> Transport.Put --> Transport.Read: as if the client had sent the commands as a WebSocket message
//
// So rates, backpressure and limits hold for a command as for one of a WebSocket client: the loop reads the commands of a Transport when it
// would read from a socket, and not before.
//
//	framing.go    chunks, events, lines
//	transport.go  Transport, and its queue of commands
//	request.go    the bodies of requests
package httpstream
