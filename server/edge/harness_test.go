package edge

import "github.com/throng-chat/throng/server/testkit"

const testTimeout = testkit.Timeout

var eventually = testkit.Eventually

// handshake is a valid head.
const handshake = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
