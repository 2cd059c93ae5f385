package durability

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"
)

// secrets of the servers of this package.
const (
	tokenSecret = "a secret of the durability tests"
	apiKey      = "an-api-key-of-the-durability-tests"
)

// stepTime is the time for one step of a client: a dial, or a write.
const stepTime = 10 * time.Second

// sdk is a connection of an SDK client in JSON. One goroutine uses it.
type sdk struct {
	conn *websocket.Conn
	id   int
	out  strings.Builder // commands that are not sent
}

// push is a line from the server: a reply or a push.
type push struct {
	ID        int        `json:"id"`
	Error     *sdkError  `json:"error"`
	Subscribe *subscribe `json:"subscribe"`
	Push      *struct {
		Channel     string    `json:"channel"`
		Pub         *received `json:"pub"`
		Unsubscribe *struct{} `json:"unsubscribe"`
	} `json:"push"`
}

type sdkError struct {
	Code      int    `json:"code"`
	Message   string `json:"message"`
	Temporary bool   `json:"temporary"`
}

// subscribe is the reply to the command subscribe.
type subscribe struct {
	Offset       uint64     `json:"offset"`
	Epoch        string     `json:"epoch"`
	Recovered    bool       `json:"recovered"`
	Publications []received `json:"publications"`
}

// received is a publication from the server.
type received struct {
	Offset uint64 `json:"offset"`
	Data   struct {
		Publisher string `json:"publisher"`
		Number    uint32 `json:"number"`
	} `json:"data"`
}

// dial connects an SDK client.
func dial(ctx context.Context, address, user string) (*sdk, error) {
	step, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	conn, _, err := websocket.Dial(step, "ws://"+address+"/connection/websocket", nil)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(-1)
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": user}).SignedString([]byte(tokenSecret))
	if err != nil {
		return nil, err
	}
	c := &sdk{conn: conn}
	c.command(fmt.Sprintf(`"connect":{"token":%q}`, token))
	if err := c.flush(ctx); err != nil {
		c.close()
		return nil, err
	}
	for {
		lines, err := c.read(ctx)
		if err != nil {
			c.close()
			return nil, err
		}
		for i := range lines {
			if lines[i].ID == c.id {
				if e := lines[i].Error; e != nil {
					c.close()
					return nil, fmt.Errorf("connect: error %d: %s", e.Code, e.Message)
				}
				return c, nil
			}
		}
	}
}

func (c *sdk) close() { _ = c.conn.CloseNow() } // the peer may be dead: there is nothing to do

// command adds a command to the next frame and returns its ID.
func (c *sdk) command(body string) int {
	c.id++
	if c.out.Len() > 0 {
		c.out.WriteByte('\n')
	}
	fmt.Fprintf(&c.out, `{"id":%d,%s}`, c.id, body)
	return c.id
}

// flush sends the commands.
func (c *sdk) flush(ctx context.Context) error {
	if c.out.Len() == 0 {
		return nil
	}
	step, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	frame := c.out.String()
	c.out.Reset()
	return c.conn.Write(step, websocket.MessageText, []byte(frame))
}

// read waits for a frame and returns its lines. Pings are answered with the next flush.
func (c *sdk) read(ctx context.Context) (lines []push, err error) {
	_, frame, err := c.conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	for line := range bytes.SplitSeq(frame, []byte("\n")) {
		if len(line) <= len("{}") {
			step, cancel := context.WithTimeout(ctx, stepTime)
			err := c.conn.Write(step, websocket.MessageText, []byte("{}"))
			cancel()
			if err != nil {
				return nil, err
			}
			continue
		}
		var p push
		if err := json.Unmarshal(line, &p); err != nil {
			return nil, fmt.Errorf("from the server: %.200s: %w", line, err)
		}
		lines = append(lines, p)
	}
	return lines, nil
}

// site is the address of the server, which changes when it starts again. A client of a cluster has a site of its own, with the addresses of all
// nodes, and goes on to the next one when a connection ends.
type site struct {
	addresses atomic.Pointer[[]string]
	turn      atomic.Int64
}

func (st *site) set(addresses ...string) { st.addresses.Store(&addresses) }

func (st *site) get() string {
	if a := st.addresses.Load(); a != nil {
		return (*a)[int(st.turn.Load())%len(*a)]
	}
	return ""
}

// lost notes that the connection to the address has ended.
func (st *site) lost() { st.turn.Add(1) }

// retryTime is the time between two attempts of a client to reach the server.
const retryTime = 10 * time.Millisecond

// pause waits before the next attempt. It returns false when ctx has ended.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(retryTime):
		return true
	}
}
