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

// Protocol describes a protocol above WebSocket: how a client joins a room, and how a message is wrapped. It is data, not code: each
// message begins with the mark of the run (stamp.go), so it is found in any text without parsing. In each text {{room}} stands for the
// room's name and {{payload}} for the message.
type Protocol struct {
	Name        string        `json:"name"`
	Path        string        `json:"path"`                  // used if the URL has no path
	Query       string        `json:"query,omitempty"`       // added to the URL's query if a room has a name
	Usual       string        `json:"usual"`                 // default name of a room
	Steps       []Step        `json:"steps,omitempty"`       // sent after the upgrade, one after another
	Token       string        `json:"token,omitempty"`       // replaces the first step for a client with a token, which {{token}} stands for
	Refused     string        `json:"refused,omitempty"`     // a response to a step that contains this text is a rejection; matched as Step.Expect
	Publish     string        `json:"publish,omitempty"`     // a message as it is sent; empty for the payload alone
	Ping        string        `json:"ping,omitempty"`        // the server's own ping: a line
	Pong        string        `json:"pong,omitempty"`        // the answer to Ping
	Beat        string        `json:"beat,omitempty"`        // the client's heartbeat
	Every       time.Duration `json:"every,omitempty"`       // the interval of Beat
	Binary      bool          `json:"binary,omitempty"`      // the texts are binary messages; {{(}} and {{)}} enclose what stands behind its length
	Subprotocol string        `json:"subprotocol,omitempty"` // requested, unless the run names another
	Resume      *Resume       `json:"resume,omitempty"`      // nil if the protocol has no recovery, or the run does not use it
}

// Step sends a text, then waits for a text that contains Expect. If Expect begins with ^, the received text must begin with the rest of it.
// An empty Send only waits; an empty Expect only sends.
type Step struct {
	Send    string `json:"send"`
	Expect  string `json:"expect"`
	Refused string `json:"refused,omitempty"` // in place of Protocol.Refused, if not empty
}

// Protocols are the protocols with a name. plain is that of any server that broadcasts each message it receives, throng's /ws included.
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
		// The same in Protobuf: messages of Command and Reply, each behind its length. A key of Protobuf is a field's number, times eight, plus 2
		// for a field with a length. So 08 01 is the id 1, and then comes connect, subscribe or publish, or the error 12.
		Name:        "centrifugo-protobuf",
		Path:        "/connection/websocket",
		Usual:       "bench",
		Binary:      true,
		Subprotocol: "centrifuge-protobuf",
		Steps: []Step{
			{Send: "{{(}}\x08\x01\x22{{(}}{{)}}{{)}}", Expect: "\x08\x01\x2a", Refused: "\x08\x01\x12"},
			{Send: "{{(}}\x08\x02\x2a{{(}}\x0a{{(}}{{room}}{{)}}{{)}}{{)}}", Expect: "\x08\x02\x32", Refused: "\x08\x02\x12"},
		},
		Token:   "{{(}}\x08\x01\x22{{(}}\x0a{{(}}{{token}}{{)}}{{)}}{{)}}",
		Publish: "{{(}}\x08\x03\x3a{{(}}\x0a{{(}}{{room}}{{)}}\x12{{(}}{\"text\":\"{{payload}}\"}{{)}}{{)}}{{)}}",
		Ping:    "\x00",
		Pong:    "\x00",
		Resume: &Resume{
			Join:   "{{(}}\x08\x02\x2a{{(}}\x0a{{(}}{{room}}{{)}}\x50\x01{{)}}{{)}}",
			Rejoin: "{{(}}\x08\x02\x2a{{(}}\x0a{{(}}{{room}}{{)}}\x18\x01\x32{{(}}{{epoch}}{{)}}\x38{{offset}}\x50\x01{{)}}{{)}}",
		},
	},
	{
		// Socket.IO 5 over Engine.IO 4. Socket.IO leaves rooms to the application: most applications use the events join and message.
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

// ProtocolNames returns the names of Protocols.
func ProtocolNames() (names []string) {
	for _, p := range Protocols {
		names = append(names, p.Name)
	}
	return names
}

// ProtocolNamed returns the protocol with a name, or an error that lists the names.
func ProtocolNamed(name string) (Protocol, error) {
	if i := slices.IndexFunc(Protocols, func(p Protocol) bool { return p.Name == name }); i >= 0 {
		return Protocols[i], nil
	}
	return Protocol{}, fmt.Errorf("protocol = %q: must be one of %s, or json with its templates", name, strings.Join(ProtocolNames(), ", "))
}

// tokenForm matches the characters of a JSON Web Token (RFC 7519, 3). None of them needs quoting in JSON or in a URL.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)

// WithToken returns pr for clients that send a token when they connect.
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

// AsText returns pr with messages that are published as JSON strings: a chat room takes no object without an ID.
func (pr Protocol) AsText() (Protocol, error) {
	before := pr.Publish
	if pr.Publish = strings.Replace(before, `{"text":"{{payload}}"}`, `"{{payload}}"`, 1); pr.Publish == before {
		return pr, fmt.Errorf("as-text: protocol %s publishes no JSON object: use --protocol centrifugo or centrifugo-protobuf", pr.Name)
	}
	return pr, nil
}

// Template returns a protocol of custom JSON texts: the text that joins (may be empty), the expected response, and the text that publishes.
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

// bare reports whether a message fills its frame, without a wrapping.
func (pr *Protocol) bare() bool { return pr.Publish == "" }

// matches reports whether a text matches Step.Expect.
func matches(text []byte, want string) bool {
	if begin, ok := strings.CutPrefix(want, "^"); ok {
		return bytes.HasPrefix(text, []byte(begin))
	}
	return bytes.Contains(text, []byte(want))
}

// fill replaces {{room}} in a text.
func fill(text, room string) string { return strings.ReplaceAll(text, "{{room}}", room) }

// wrapping returns the texts before and after a payload of size bytes in a room.
func (pr *Protocol) wrapping(room string, size int) (before, after string) {
	const payload = "{{payload}}"
	text := fill(pr.Publish, room)
	if pr.Binary {
		like := strings.Repeat("\xff", size) // no template has this byte
		before, after, _ = strings.Cut(withLengths(strings.Replace(text, payload, like, 1)), like)
		return before, after
	}
	before, after, _ = strings.Cut(text, payload)
	return before, after
}

// pinged reports whether one of text's lines is the server's ping.
func (pr *Protocol) pinged(text []byte) bool {
	if pr.Ping == "" || len(text) < len(pr.Ping) {
		return false
	}
	if pr.Binary {
		return hasEmptyMessage(text)
	}
	if len(text) == len(pr.Ping) {
		return string(text) == pr.Ping
	}
	return bytes.HasPrefix(text, []byte(pr.Ping+"\n")) || bytes.HasSuffix(text, []byte("\n"+pr.Ping)) ||
		bytes.Contains(text, []byte("\n"+pr.Ping+"\n"))
}
