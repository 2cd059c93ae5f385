package server

import (
	"net/url"
	"testing"
	"unicode/utf8"

	"github.com/throng-chat/throng/server/edge"
)

func FuzzRoomName(f *testing.F) {
	for _, seed := range []string{"", "room=lobby", "room=", "room=%00", "room=%E8%8C%B6", "room=a&room=b", "room=%zz", "x=1;room=2", "room=a+b", "room=%C2%85"} {
		f.Add(seed)
	}
	for _, name := range lookalikes {
		f.Add("room=" + url.QueryEscape(name))
	}
	f.Fuzz(func(t *testing.T, query string) {
		name, ok := edge.RoomName(query)
		if !ok {
			return
		}
		if len(name) < 1 || len(name) > 255 || !utf8.ValidString(name) {
			t.Errorf("query %q gives room %q", query, name)
		}
		for _, r := range name {
			if r < 0x20 || r >= 0x7F && r < 0xA0 {
				t.Errorf("query %q gives room %q with a control character", query, name)
			}
		}
	})
}

func TestAnSDKSelectsItsEncoding(t *testing.T) {
	for query, want := range map[string]bool{
		"": false, "format=json": false, "format=protobuf": true, "cf_protocol=protobuf": true, "x=1&format=protobuf": true, "xformat=protobuf": false,
		"form%61t=protobuf": true, "format=prot%6Fbuf": true, "format=json&format=protobuf": false, "format=protobuf&x=%zz": true,
	} {
		if got := edge.RequestsProtobuf(query); got != want {
			t.Errorf("%q: got %v, want %v", query, got, want)
		}
	}
}
