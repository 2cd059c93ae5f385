package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/logqueue"
)

// The errors of the rpc methods of throng. Each has a reason.

var (
	errNeedsUser  = denied("the method needs a user")
	errNoObject   = invalid("want a JSON object with the parameters")
	errNoChannel  = invalid("channel: want the name of a room")
	errModerators = denied("only a moderator of the room may do this")
	errNoMethod   = notAvailable("no such method")
	errNotChat    = notAvailable("not a chat room")
	errNoReceipts = notAvailable("the room has no receipts")
	errNoWebPush  = notAvailable("Web Push is off")
)

// invalid returns error 107 with a reason.
func invalid(format string, args ...any) *protocol.Error {
	return ErrorOf(&chat.Rejection{Cause: chat.CauseInvalid, Detail: fmt.Sprintf(format, args...)})
}

// denied returns error 103 with a reason. It must not depend on what the client may not know.
func denied(reason string) *protocol.Error {
	return ErrorOf(&chat.Rejection{Cause: chat.CauseDenied, Detail: reason})
}

// notAvailable returns error 108 with a reason.
func notAvailable(reason string) *protocol.Error {
	return &protocol.Error{Code: ErrNotAvailable.Code, Message: ErrNotAvailable.Message + ": " + reason}
}

// unless returns nil if a room offers a method, and else the error.
func unless(offered bool, e *protocol.Error) *protocol.Error {
	if offered {
		return nil
	}
	return e
}

// decodeStrictly decodes the parameters of an rpc method into to, a pointer to a struct. An unknown parameter is an error, so that a misspelt one
// does not have the effect of a missing one.
func decodeStrictly(params []byte, to any) *protocol.Error {
	decoder := json.NewDecoder(bytes.NewReader(params))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(to)
	if _, end := decoder.Token(); err == nil && end == io.EOF {
		return nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(params, &fields) != nil || fields == nil {
		return errNoObject
	}
	known := fieldsOf(to)
	for name := range fields {
		if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
			return invalid("unknown parameter %q, allowed: %s", logqueue.Clip(name), strings.Join(known, ", "))
		}
	}
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return invalid("%s: found a JSON %s, want another type", wrong.Field, logqueue.Clip(wrong.Value))
	}
	return ErrBadRequest
}

// fieldsOf returns the names in JSON of the fields of the struct to which a pointer points.
func fieldsOf(to any) (names []string) {
	t := reflect.TypeOf(to).Elem()
	for i := range t.NumField() {
		names = append(names, t.Field(i).Tag.Get("json"))
	}
	return names
}
