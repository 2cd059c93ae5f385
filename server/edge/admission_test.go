package edge

import (
	"net/url"
	"testing"
	"unicode/utf8"
)

func FuzzRoomName(f *testing.F) {
	for _, seed := range []string{"", "room=lobby", "room=", "room=%00", "room=%E8%8C%B6", "room=a&room=b", "room=%zz", "x=1;room=2", "room=a+b", "room=%C2%85"} {
		f.Add(seed)
	}
	for _, name := range []string{"lob\u200Bby", "\u202Eybbol", "lobby\u2066", "lobby\u2028", "lobby\U000E0041", "lobby\uFE0F", "\uFEFFlobby"} { // names that look like others
		f.Add("room=" + url.QueryEscape(name))
	}
	f.Fuzz(func(t *testing.T, query string) {
		name, ok := roomName(query)
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
		if got := requestsProtobuf(query); got != want {
			t.Errorf("%q: got %v, want %v", query, got, want)
		}
	}
}
