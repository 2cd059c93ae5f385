package ws

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const sampleKey = "dGhlIHNhbXBsZSBub25jZQ==" // 1.3

// The example of RFC 6455, 1.3.
func TestTheSampleKeyIsAccepted(t *testing.T) {
	if got, want := AcceptKey(sampleKey), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got := string(SwitchingProtocols(sampleKey, "", ""))
	want := "HTTP/1.1 101 Switching Protocols\r\n" +
		"Upgrade: websocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// request returns the head of a good handshake with changes. A request line replaces the first line. "Name: value" replaces the line of
// exactly that name, or adds it. "Name:-" removes it.
func request(changes ...string) string {
	lines := []string{
		"GET /ws HTTP/1.1",
		"Host: chat.example",
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Key: " + sampleKey,
		"Sec-WebSocket-Version: 13",
	}
	for _, change := range changes {
		name, value, _ := strings.Cut(change, ":")
		at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, name+":") })
		if strings.Contains(change, " HTTP/") {
			at = 0
		}
		switch {
		case at < 0:
			lines = append(lines, change)
		case value == "-":
			lines = slices.Delete(lines, at, at+1)
		default:
			lines[at] = change
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// checkHandshake checks a request that net/http has parsed, and returns its key.
func checkHandshake(r *http.Request) (key string, err error) {
	h, err := HeadOf(r)
	if err == nil {
		err = h.Check()
	}
	if err != nil {
		return "", err
	}
	return h.Key.Value, nil
}

// status reads a request as the server does. A request that net/http does not parse is answered with 400.
func status(raw string) (int, string, error) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		return http.StatusBadRequest, "", err
	}
	key, err := checkHandshake(r)
	if err == nil {
		return http.StatusSwitchingProtocols, key, nil
	}
	var refused *HandshakeError
	if !errors.As(err, &refused) {
		return 0, key, err
	}
	return refused.Status, key, err
}

var goodRequests = []struct {
	name string
	raw  string
}{
	{
		name: "only the required headers",
		raw:  request(),
	},
	{
		name: "names in any case",
		raw: request("Upgrade:-", "Connection:-", "Sec-WebSocket-Key:-", "Sec-WebSocket-Version:-",
			"uPGRADE: websocket", "connection: Upgrade", "SEC-WEBSOCKET-KEY: "+sampleKey, "sec-websocket-version: 13"),
	},
	{
		name: "values in any case",
		raw:  request("Upgrade: WebSocket", "Connection: uPGRADE"),
	},
	{
		name: "Firefox: keep-alive, Upgrade",
		raw:  request("Connection: keep-alive, Upgrade"),
	},
	{
		name: "a list without spaces",
		raw:  request("Connection: keep-alive,Upgrade"),
	},
	{
		name: "empty items and tabs in the list",
		raw:  request("Connection: ,\t, keep-alive ,\tUpgrade\t, "),
	},
	{
		name: "Connection on two lines",
		raw:  request("Connection: keep-alive", "connection: upgrade"),
	},
	{
		name: "another protocol in Upgrade's list",
		raw:  request("Upgrade: h2c, websocket"),
	},
	{
		name: "no space after the colon",
		raw:  request("Upgrade:websocket", "Connection:Upgrade", "Sec-WebSocket-Key:"+sampleKey, "Sec-WebSocket-Version:13"),
	},
	{
		name: "spaces around the values",
		raw:  request("Sec-WebSocket-Key:  \t"+sampleKey+" ", "Sec-WebSocket-Version: 13 \t"),
	},
	{
		name: "extensions and protocols that are not accepted",
		raw: request("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
			"Sec-WebSocket-Protocol: chat, superchat"),
	},
	{
		name: "a query",
		raw:  request("GET /ws?room=a&u=http://b HTTP/1.1"),
	},
	{
		name: "a path that begins like a host",
		raw:  request("GET //ws HTTP/1.1"),
	},
	{
		name: "an explicit empty body",
		raw:  request("Content-Length: 0"),
	},
	{
		name: "a key of zero bytes",
		raw:  request("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
	},
}

func TestGoodHandshakes(t *testing.T) {
	for _, tt := range goodRequests {
		t.Run(tt.name, func(t *testing.T) {
			got, key, err := status(tt.raw)
			if got != http.StatusSwitchingProtocols {
				t.Fatalf("got %d %v, want 101", got, err)
			}
			if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 {
				t.Errorf("got key %q, want 16 bytes in base64", key)
			}
		})
	}
}

var badRequests = []struct {
	name string
	raw  string
	want int
}{
	{
		name: "not GET",
		raw:  request("POST /ws HTTP/1.1"),
		want: http.StatusMethodNotAllowed,
	},
	{
		name: "HEAD",
		raw:  request("HEAD /ws HTTP/1.1"),
		want: http.StatusMethodNotAllowed,
	},
	{
		name: "a method in lower case",
		raw:  request("get /ws HTTP/1.1"),
		want: http.StatusMethodNotAllowed,
	},
	{
		name: "CONNECT",
		raw:  request("CONNECT chat.example:80 HTTP/1.1"),
		want: http.StatusMethodNotAllowed,
	},
	{
		name: "HTTP/1.0",
		raw:  request("GET /ws HTTP/1.0"),
		want: http.StatusBadRequest,
	},
	{
		name: "HTTP/0.9",
		raw:  request("GET /ws HTTP/0.9"),
		want: http.StatusBadRequest,
	},
	{
		name: "HTTP/2.0 in the form of HTTP/1.1",
		raw:  request("GET /ws HTTP/2.0"),
		want: http.StatusBadRequest,
	},
	{
		name: "no Host",
		raw:  request("Host:-"),
		want: http.StatusBadRequest,
	},
	{
		name: "an empty Host",
		raw:  request("Host: "),
		want: http.StatusBadRequest,
	},
	{
		name: "two Hosts",
		raw:  request("host: other.example"),
		want: http.StatusBadRequest,
	},
	{
		name: "GHSA-c4j6-fc7j-m34r: an absolute target",
		raw:  request("GET http://inside.example/ws HTTP/1.1"),
		want: http.StatusBadRequest,
	},
	{
		name: "an absolute target without a host",
		raw:  request("GET http:///ws HTTP/1.1"),
		want: http.StatusBadRequest,
	},
	{
		name: "an absolute target with one slash",
		raw:  request("GET http:/ws HTTP/1.1"),
		want: http.StatusBadRequest,
	},
	{
		name: "an absolute target of another scheme",
		raw:  request("GET file:///ws HTTP/1.1"),
		want: http.StatusBadRequest,
	},
	{
		name: "a target with a scheme and no path",
		raw:  request("GET ws:ws HTTP/1.1"),
		want: http.StatusBadRequest,
	},
	{
		name: "the target *",
		raw:  request("GET * HTTP/1.1"),
		want: http.StatusBadRequest,
	},
	{
		name: "a target without a slash",
		raw:  request("GET ws HTTP/1.1"),
		want: http.StatusBadRequest,
	},
	{
		name: "a body",
		raw:  request("Content-Length: 1"),
		want: http.StatusBadRequest,
	},
	{
		name: "a body in chunks",
		raw:  request("Transfer-Encoding: chunked"),
		want: http.StatusBadRequest,
	},
	{
		name: "both a length and chunks",
		raw:  request("Content-Length: 0", "Transfer-Encoding: chunked"),
		want: http.StatusBadRequest,
	},
	{
		name: "two lengths",
		raw:  request("Content-Length: 0", "content-length: 1"),
		want: http.StatusBadRequest,
	},
	{
		name: "a negative length",
		raw:  request("Content-Length: -1"),
		want: http.StatusBadRequest,
	},
	{
		name: "a space before the colon",
		raw:  request("Upgrade:-", "Upgrade : websocket"),
		want: http.StatusBadRequest,
	},
	{
		name: "no Upgrade",
		raw:  request("Upgrade:-"),
		want: http.StatusBadRequest,
	},
	{
		name: "an empty Upgrade",
		raw:  request("Upgrade: "),
		want: http.StatusBadRequest,
	},
	{
		name: "Upgrade to something else",
		raw:  request("Upgrade: h2c"),
		want: http.StatusBadRequest,
	},
	{
		name: "Upgrade to a name that contains websocket",
		raw:  request("Upgrade: websockets"),
		want: http.StatusBadRequest,
	},
	{
		name: "Upgrade twice",
		raw:  request("upgrade: websocket"),
		want: http.StatusBadRequest,
	},
	{
		name: "a Kelvin sign is not a k",
		raw:  request("Upgrade: websoc\u212Aet"),
		want: http.StatusBadRequest,
	},
	{
		name: "a long s is not an s",
		raw:  request("Upgrade: web\u017Focket"),
		want: http.StatusBadRequest,
	},
	{
		name: "a no-break space is not a space",
		raw:  request("Connection: \u00A0Upgrade"),
		want: http.StatusBadRequest,
	},
	{
		name: "no Connection",
		raw:  request("Connection:-"),
		want: http.StatusBadRequest,
	},
	{
		name: "Connection without Upgrade",
		raw:  request("Connection: keep-alive"),
		want: http.StatusBadRequest,
	},
	{
		name: "Connection split by spaces",
		raw:  request("Connection: keep-alive Upgrade"),
		want: http.StatusBadRequest,
	},
	{
		name: "Connection in quotes",
		raw:  request(`Connection: "Upgrade"`),
		want: http.StatusBadRequest,
	},
	{
		name: "no version",
		raw:  request("Sec-WebSocket-Version:-"),
		want: http.StatusUpgradeRequired,
	},
	{
		name: "an old version",
		raw:  request("Sec-WebSocket-Version: 8"),
		want: http.StatusUpgradeRequired,
	},
	{
		name: "a version with a zero before it",
		raw:  request("Sec-WebSocket-Version: 013"),
		want: http.StatusUpgradeRequired,
	},
	{
		name: "a list of versions",
		raw:  request("Sec-WebSocket-Version: 13, 8"),
		want: http.StatusUpgradeRequired,
	},
	{
		name: "two versions",
		raw:  request("sec-websocket-version: 13"),
		want: http.StatusUpgradeRequired,
	},
	{
		name: "no key",
		raw:  request("Sec-WebSocket-Key:-"),
		want: http.StatusBadRequest,
	},
	{
		name: "an empty key",
		raw:  request("Sec-WebSocket-Key: "),
		want: http.StatusBadRequest,
	},
	{
		name: "two keys",
		raw:  request("sec-websocket-key: " + sampleKey),
		want: http.StatusBadRequest,
	},
	{
		name: "a key of 15 bytes",
		raw:  request("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"),
		want: http.StatusBadRequest,
	},
	{
		name: "a key of 17 bytes",
		raw:  request("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA="),
		want: http.StatusBadRequest,
	},
	{
		name: "a key of 18 bytes, as long as a good one",
		raw:  request("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA"),
		want: http.StatusBadRequest,
	},
	{
		name: "a key without its padding",
		raw:  request("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA"),
		want: http.StatusBadRequest,
	},
	{
		name: "a key that is not base64",
		raw:  request("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!=="),
		want: http.StatusBadRequest,
	},
	{
		name: "a key in the alphabet for URLs",
		raw:  request("Sec-WebSocket-Key: -_AAAAAAAAAAAAAAAAAAAA=="),
		want: http.StatusBadRequest,
	},
	{
		name: "a key with bits after its end",
		raw:  request("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAB=="),
		want: http.StatusBadRequest,
	},
}

func TestBadHandshakes(t *testing.T) {
	for _, tt := range badRequests {
		t.Run(tt.name, func(t *testing.T) {
			got, key, err := status(tt.raw)
			if got != tt.want {
				t.Errorf("got %d %v, want %d", got, err, tt.want)
			}
			if key != "" {
				t.Errorf("got key %q, want none", key)
			}
		})
	}
}

func FuzzHandshake(f *testing.F) {
	for _, tt := range goodRequests {
		f.Add([]byte(tt.raw))
	}
	for _, tt := range badRequests {
		f.Add([]byte(tt.raw))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		if err != nil {
			return
		}
		key, err := checkHandshake(r)
		if err != nil {
			var refused *HandshakeError
			if !errors.As(err, &refused) || refused.Reason == "" || key != "" {
				t.Fatalf("got key %q and error %#v, want no key and a *HandshakeError with a reason", key, err)
			}
			switch refused.Status {
			case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusUpgradeRequired:
			default:
				t.Fatalf("got status %d, want 400, 405 or 426", refused.Status)
			}
			return
		}
		if !strings.HasPrefix(r.RequestURI, "/") {
			t.Errorf("got target %q accepted, want a path", r.RequestURI)
		}
		for name, want := range map[string]string{"Upgrade": "websocket", "Connection": "upgrade", "Sec-Websocket-Version": "13"} {
			if !slices.ContainsFunc(r.Header[name], func(line string) bool { return strings.Contains(lower(line), want) }) {
				t.Errorf("%s: got %q accepted, want %q in it", name, r.Header[name], want)
			}
		}
		if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 {
			t.Errorf("got key %q accepted, want 16 bytes in base64", key)
		}
		if r.Method != "GET" || r.ProtoMajor != 1 || r.ProtoMinor < 1 || r.Host == "" || r.ContentLength != 0 {
			t.Errorf("got %s %s accepted, for host %q, with %d bytes of body", r.Method, r.Proto, r.Host, r.ContentLength)
		}
		answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(SwitchingProtocols(key, "", ""))), r)
		if err != nil || answer.StatusCode != http.StatusSwitchingProtocols || len(answer.Header) != 3 {
			t.Errorf("key %q: got the answer %v, error %v, want 101 with three headers", key, answer, err)
		}
	})
}

// lower converts ASCII only: strings.ToLower converts the Kelvin sign to k.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
