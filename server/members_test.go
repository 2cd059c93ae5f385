package server

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/edge"
)

func limitedRoom(members int) chat.RoomOptions {
	o := chat.DefaultRoom()
	o.MaxMembers = members
	return o
}

// Handshakes that are authorized at the same moment share the seats of their room. A rejected client gets 503 and no 101.
func TestSimultaneousPlainJoinsKeepTheLimit(t *testing.T) {
	t.Parallel()
	const most, clients, rooms = 3, 16, 20
	s := startBackend(t, limitedRoom(most))
	for n := range rooms {
		room := fmt.Sprint("room", n)
		var conns [clients]net.Conn
		for i := range conns {
			conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conns[i] = conn
		}
		var statuses [clients]int
		var all sync.WaitGroup
		start := make(chan struct{})
		for i, conn := range conns {
			all.Go(func() {
				<-start
				// In two parts, so that each is read on its own goroutine.
				request := upgradeRequest(s.Addr().String(), edge.RoomPath+"?room="+room)
				for _, part := range []string{request[:20], request[20:]} {
					if _, err := conn.Write([]byte(part)); err != nil {
						t.Error(err)
					}
				}
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Error(err)
					return
				}
				statuses[i] = resp.StatusCode
			})
		}
		close(start)
		all.Wait()
		got := map[int]int{}
		for _, status := range statuses {
			got[status]++
		}
		if got[http.StatusSwitchingProtocols] != most || got[http.StatusServiceUnavailable] != clients-most {
			t.Fatalf("got %v, want %d members of %d", got, most, clients)
		}
	}
}

// A seat is reserved when the handshake is authorized. It is released if the handshake fails or the member leaves.
func TestASeatIsReservedBeforeTheUpgrade(t *testing.T) {
	t.Parallel()
	s := startBackend(t, limitedRoom(1))
	request := httptest.NewRequest(http.MethodGet, edge.RoomPath+"?room=x", nil)
	request.Host = "localhost"
	for name, value := range map[string]string{
		"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
	} {
		request.Header.Set(name, value)
	}
	first, no := s.edge.AuthorizeRequest(request)
	if no != nil {
		t.Fatal(no.Reason)
	}
	second := first // both are authorized before either joins
	source, no := s.edge.Reserve(nil, netip.Addr{}, netip.Addr{}, &first)
	if no != nil {
		t.Fatal(no.Reason)
	}
	if _, no := s.edge.Reserve(nil, netip.Addr{}, netip.Addr{}, &second); no == nil || no.Status != http.StatusServiceUnavailable {
		t.Fatalf("got %+v for the second of one seat, want 503", no)
	}
	c := connectSDK(t, s, "")
	c.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
	c.expectLine(`{"id":2,"error":{"code":106,"message":"limit exceeded"}}`)
	s.edge.Unreserve(source, first.Reserved)
	if got := s.sessions.Rooms.Count(); got != 0 {
		t.Errorf("got %d rooms after the seat was released, want none", got)
	}
	if got := s.sessions.Live.Load(); got != 1 {
		t.Errorf("got %d places reserved, want that of the SDK client", got)
	}
	dial(t, s, "x").conn.Close()
	eventually(t, "the seat to be free again", func() bool { return s.sessions.Rooms.Count() == 0 })
	dial(t, s, "x")
}
