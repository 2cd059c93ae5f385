package server

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/ws"
)

// A command of the application on a user is data: it has the same effect after it was encoded and decoded, as by another process.
func TestCommandsOnUsersAreData(t *testing.T) {
	t.Parallel()
	room := rememberingRoom("tea")
	room.Recovery = false
	s := startBackend(t, room)
	s.sessions.Publish(s.sessions.RoomRef("tea"), chat.Publication{Data: []byte(`"old"`), Form: chat.FormJSON}, chat.PublishOptions{})
	since := &chat.StreamPosition{Epoch: epochOf(s.sessions.Hub, "tea")}
	far := time.Now().AddDate(11, 0, 0) // a client receives the longest time, which does not change while the test runs
	for i, tt := range []struct {
		command chat.UserCommand
		want    string // in what its client receives
	}{
		{chat.Disconnect{Cause: chat.EndedByApplication}, `close 3503 "force disconnect"`},
		{chat.Disconnect{Cause: chat.EndedByKick}, `close 3503 "force disconnect"`},
		{chat.Disconnect{Cause: chat.EndedByBan}, `close 3507 "banned"`},
		{chat.Disconnect{Cause: chat.EndedByExpiry}, `close 3005 "connection expired"`},
		{chat.Disconnect{Cause: chat.EndedByApplication, Code: 4501, Reason: "out"}, `close 4501 "out"`},
		{chat.Disconnect{Cause: chat.EndedByApplication, Code: 4501}, `close 4501 ""`},
		{chat.Disconnect{Cause: chat.EndedByApplication, Reason: "out"}, `close 3503 "out"`},
		{chat.Unsubscribe{Room: "lobby", Cause: chat.EndedByApplication}, `"unsubscribe":{"code":2000,"reason":"server unsubscribe"}`},
		{chat.Unsubscribe{Room: "lobby", Cause: chat.EndedByKick}, `"unsubscribe":{"code":2000,"reason":"kicked"}`},
		{chat.Unsubscribe{Room: "lobby", Cause: chat.EndedByBan}, `"unsubscribe":{"code":2000,"reason":"banned"}`},
		{chat.Subscribe{Room: "tea", Info: []byte(`{"seat":1}`), Data: []byte(`"welcome"`), Expires: far, Since: since, Recoverable: true},
			`{"push":{"channel":"tea","pub":{"data":"old","offset":1}}}`},
		{chat.Subscribe{Room: "tea", Positioned: true}, `"positioned":true`},
		{chat.Subscribe{Room: "more"}, `{"push":{"channel":"more","subscribe":{}}}`},
		{chat.Refresh{Expires: far, Info: []byte(`{"name":"Ann"}`)}, `"refresh":{"expires":true,"ttl":316224000`},
		{chat.Refresh{}, `"refresh":{}`},
		{chat.EndRevoked{}, `close 3500 "invalid token"`},
	} {
		wantData(t, reflect.TypeOf(tt.command))
		encoded, err := json.Marshal(tt.command)
		if err != nil {
			t.Fatal(err)
		}
		decoded := reflect.New(reflect.TypeOf(tt.command))
		if err := json.Unmarshal(encoded, decoded.Interface()); err != nil {
			t.Fatal(err)
		}
		direct := effectOf(t, s, fmt.Sprint("ann", i), tt.command)
		sent := effectOf(t, s, fmt.Sprint("ben", i), decoded.Elem().Interface().(chat.UserCommand))
		if !slices.Equal(direct, sent) || !strings.Contains(times.ReplaceAllString(strings.Join(direct, "\n"), ""), tt.want) {
			t.Errorf("%T %s: got\n%q, and decoded\n%q, want the same with %s", tt.command, encoded, direct, sent, tt.want)
		}
	}
}

// wantData wants a type that another process can decode: of no function, channel or interface, and with no type of a package but chat.
func wantData(t *testing.T, typ reflect.Type) {
	t.Helper()
	if path := typ.PkgPath(); path == "time" {
		return
	} else if path != "" && !strings.HasSuffix(path, "/server/chat") {
		t.Errorf("%v is a type of package %s, want one of the chat", typ, path)
	}
	switch typ.Kind() {
	case reflect.Struct:
		for i := range typ.NumField() {
			if !typ.Field(i).IsExported() {
				t.Errorf("%v has the field %s, which is not encoded", typ, typ.Field(i).Name)
			}
			wantData(t, typ.Field(i).Type)
		}
	case reflect.Pointer, reflect.Slice:
		wantData(t, typ.Elem())
	case reflect.String, reflect.Bool, reflect.Uint8, reflect.Uint16, reflect.Uint64:
	default:
		t.Errorf("%v is a %v, want data", typ, typ.Kind())
	}
}

// effectOf is what a connection of a user in the room "lobby" receives by a command, whether it expires, its rooms, and its presence there.
func effectOf(t *testing.T, s *Server, user string, command chat.UserCommand) (effect []string) {
	t.Helper()
	c := connectSDK(t, s, tokenOf(user))
	c.enter("lobby")
	if _, is := command.(chat.EndRevoked); is {
		s.sessions.Moderation.Revoke(user, "", chat.Revocation{IssuedBefore: time.Now().Add(time.Second)})
	}
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	if e := s.sessions.Execute(ctx, chat.TargetedCommand{User: user, Command: command}); e != nil {
		t.Fatalf("%T: got %+v", command, e)
	}
	c.sendLine(`{"id":9,"unsubscribe":{"channel":"none"}}`)
	for {
		m, err := c.nextExceptPings()
		if err != nil {
			t.Fatalf("%T: got %v", command, err)
		}
		if m.Op == ws.OpClose {
			code, reason, err := ws.ParseClose(m.Payload)
			return append(effect, fmt.Sprintf("close %d %q %v", code, reason, err))
		}
		for line := range strings.SplitSeq(string(m.Payload), "\n") {
			if strings.HasPrefix(line, `{"id":9,`) {
				rooms := roomsOf(t, s, user)
				effect = append(effect, fmt.Sprint("expires: ", sessionOf(t, s, user).Timers().Deadline.Load() != 0))
				for _, room := range rooms {
					for _, info := range s.sessions.Presence(room) {
						if info.User == user {
							effect = append(effect, fmt.Sprintf("in %s as %s %s", room, info.ConnInfo, info.ChanInfo))
						}
					}
				}
				return effect
			}
			if line != "{}" { // a ping
				effect = append(effect, line)
			}
		}
	}
}
