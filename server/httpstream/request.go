package httpstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"
)

// ErrUnknownSession is the error of a request for commands whose session does not have the form of an ID.
var ErrUnknownSession = errors.New("unknown session")

// Commands is the content of a request to /emulation.
type Commands struct {
	Session ID
	Node    string // of the process that made the session; empty if the client did not send it
	Data    []byte // one command or more, as in a WebSocket message
}

// ParseCommands parses the body of a request to /emulation, in JSON or Protobuf. Data may share the bytes of body. If the
// error is ErrUnknownSession, Node is set.
func ParseCommands(body []byte, isProtobuf bool) (c Commands, err error) {
	var req protocol.EmulationRequest
	if isProtobuf {
		err = req.UnmarshalCF(body)
		c.Data = req.Data
	} else if !utf8.Valid(body) {
		err = errors.New("not UTF-8")
	} else if err = cfjson.Unmarshal(body, &req, 0); err == nil {
		var text string
		if err = json.Unmarshal(req.Data, &text); err != nil {
			err = fmt.Errorf("data: must be a string of commands: %w", err)
		}
		c.Data = []byte(text)
	}
	switch {
	case err != nil:
		return c, fmt.Errorf("body: %w", err)
	case len(c.Data) == 0:
		return c, errors.New("body: data has no command")
	}
	var ok bool
	c.Node = req.Node
	if c.Session, ok = ParseID(req.Session); !ok {
		return c, ErrUnknownSession
	}
	return c, nil
}

// ConnectCommand returns the connect command of a client without commands of its own, in one line of JSON. request is a ConnectRequest in
// JSON, or empty.
func ConnectCommand(request []byte) ([]byte, error) {
	request = bytes.TrimSpace(request)
	if len(request) == 0 {
		request = []byte("{}")
	}
	if !utf8.Valid(request) || request[0] != '{' || !json.Valid(request) {
		return nil, errors.New("connect request: must be a JSON object")
	}
	command := append([]byte(`{"id":1,"connect":`), request...)
	OneLine(command, 0)
	return append(command, '}'), nil
}
