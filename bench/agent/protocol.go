package agent

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Protocol is how a server is spoken to, above WebSocket: what to say to join a room, and how a message is wrapped. It is a
// table, not code: a message is found in whatever comes by the run's mark at its beginning (stamp.go), so nothing needs to
// be parsed. In each text {{room}} stands for the room's name and {{payload}} for the message.
type Protocol struct {
	Name    string        `json:"name"`
	Path    string        `json:"path"`              // where the URL has none
	Query   string        `json:"query,omitempty"`   // added to the URL's, where a room is named
	Usual   string        `json:"usual"`             // how rooms are named where nobody says
	Steps   []Step        `json:"steps,omitempty"`   // after the upgrade, in turn
	Token   string        `json:"token,omitempty"`   // the first step of a client with a token, which {{token}} stands for
	Refused string        `json:"refused,omitempty"` // an answer to a step with that in it, as in Step.Expect, is a refusal
	Publish string        `json:"publish,omitempty"` // a message as it is sent; empty for the payload alone
	Ping    string        `json:"ping,omitempty"`    // the server's own ping, a line by itself
	Pong    string        `json:"pong,omitempty"`    // the answer to it
	Beat    string        `json:"beat,omitempty"`    // to be sent by the client now and then
	Every   time.Duration `json:"every,omitempty"`   // how often
	Resume  *Resume       `json:"resume,omitempty"`  // nil where what was missed is not given back, or not asked for
}

// Step says something, and waits for a text with Expect in it, or one that begins with it where Expect begins with ^. An empty Send
// only waits, an empty Expect only says.
type Step struct {
	Send   string `json:"send"`
	Expect string `json:"expect"`
}

// Protocols are those known by name. The room's own, and that of any server that broadcasts what it is sent, is plain.
var Protocols = []Protocol{
	{
		Name:  "plain",
		Path:  "/ws",
		Query: "room={{room}}",
		Usual: "bench",
	},
	{
		// The client protocol of Centrifugo, versions 4 to 6, as JSON.
		Name:  "centrifugo",
		Path:  "/connection/websocket",
		Usual: "bench",
		Steps: []Step{
			{Send: `{"id":1,"connect":{}}`, Expect: `"connect":{`},
			{Send: `{"id":2,"subscribe":{"channel":"{{room}}"}}`, Expect: `"subscribe":{`},
		},
		Token:   `{"id":1,"connect":{"token":"{{token}}"}}`,
		Refused: `"error":{`,
		Publish: `{"id":3,"publish":{"channel":"{{room}}","data":{"text":"{{payload}}"}}}`,
		Ping:    `{}`,
		Pong:    `{}`,
		Resume: &Resume{
			Join:      `{"id":2,"subscribe":{"channel":"{{room}}","recoverable":true}}`,
			Rejoin:    `{"id":2,"subscribe":{"channel":"{{room}}","recoverable":true,"recover":true,"offset":{{offset}},"epoch":"{{epoch}}"}}`,
			Offset:    `"offset":`,
			Epoch:     `"epoch":"`,
			Recovered: `"recovered":true`,
		},
	},
	{
		// Socket.IO 5 over Engine.IO 4. Rooms are a matter of the application: join and message are what most call them.
		Name:  "socketio",
		Path:  "/socket.io/?EIO=4&transport=websocket",
		Usual: "bench",
		Steps: []Step{
			{Expect: `^0{`},
			{Send: "40", Expect: "^40"},
			{Send: `42["join","{{room}}"]`},
		},
		Refused: "^44",
		Publish: `42["message","{{payload}}"]`,
		Ping:    "2",
		Pong:    "3",
	},
	{
		// Phoenix channels, version 2 of the serializer.
		Name:    "phoenix",
		Path:    "/socket/websocket?vsn=2.0.0",
		Usual:   "room:bench",
		Steps:   []Step{{Send: `["1","1","{{room}}","phx_join",{}]`, Expect: `"phx_reply",{"status":"ok"`}},
		Refused: `"status":"error"`,
		Publish: `["1","2","{{room}}","new_msg",{"body":"{{payload}}"}]`,
		Beat:    `[null,"3","phoenix","heartbeat",{}]`,
		Every:   30 * time.Second,
	},
}

// ProtocolNames are the names of Protocols.
func ProtocolNames() (names []string) {
	for _, p := range Protocols {
		names = append(names, p.Name)
	}
	return names
}

// ProtocolNamed is the one of that name.
func ProtocolNamed(name string) (Protocol, error) {
	if i := slices.IndexFunc(Protocols, func(p Protocol) bool { return p.Name == name }); i >= 0 {
		return Protocols[i], nil
	}
	return Protocol{}, fmt.Errorf("protocol = %q: must be one of %s, or json with its templates", name, strings.Join(ProtocolNames(), ", "))
}

// tokenForm is what a JSON Web Token may consist of (RFC 7519, 3), which needs no quoting anywhere.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)

// WithToken is p for clients that show a token when they connect.
func (pr Protocol) WithToken(token string) (Protocol, error) {
	switch {
	case pr.Token == "":
		return pr, fmt.Errorf("connect-token: protocol %s has no connection token: use --protocol centrifugo, or --header", pr.Name)
	case !tokenForm.MatchString(token):
		return pr, errors.New("connect-token: only letters, digits and ._~+/=- are allowed")
	}
	pr.Steps = slices.Clone(pr.Steps)
	pr.Steps[0].Send = strings.ReplaceAll(pr.Token, "{{token}}", token)
	return pr, nil
}

// Template is a protocol of JSON texts that somebody made up: what to send to join, if anything, what to wait for, and how
// to publish.
func Template(join, joined, publish string) (Protocol, error) {
	p := Protocol{Name: "json", Path: "/ws", Usual: "bench", Publish: publish}
	if strings.Count(publish, "{{payload}}") != 1 {
		return p, fmt.Errorf("publish template %q: must contain {{payload}} once", publish)
	}
	if join != "" || joined != "" {
		p.Steps = []Step{{Send: join, Expect: joined}}
	}
	return p, nil
}

// bare says whether a message is all there is in its frame.
func (pr *Protocol) bare() bool { return pr.Publish == "" }

// says tells whether a text is what a step waits for.
func says(text []byte, want string) bool {
	if begin, ok := strings.CutPrefix(want, "^"); ok {
		return bytes.HasPrefix(text, []byte(begin))
	}
	return bytes.Contains(text, []byte(want))
}

// fill puts a room's name into a text.
func fill(text, room string) string { return strings.ReplaceAll(text, "{{room}}", room) }

// wrapping is what stands before and behind the payload in a room.
func (pr *Protocol) wrapping(room string) (before, after string) {
	before, after, _ = strings.Cut(fill(pr.Publish, room), "{{payload}}")
	return before, after
}

// pinged says whether one of text's lines is the server's ping.
func (pr *Protocol) pinged(text []byte) bool {
	if pr.Ping == "" || len(text) < len(pr.Ping) {
		return false
	}
	if len(text) == len(pr.Ping) {
		return string(text) == pr.Ping
	}
	return bytes.HasPrefix(text, []byte(pr.Ping+"\n")) || bytes.HasSuffix(text, []byte("\n"+pr.Ping)) ||
		bytes.Contains(text, []byte("\n"+pr.Ping+"\n"))
}
