package server

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/throng-chat/throng/server/grpcapi"
)

// rawGRPC is a connection of HTTP/2 to the gRPC port.
type rawGRPC struct {
	net.Conn
	framer *http2.Framer
}

func dialRawGRPC(t *testing.T, s *Server) *rawGRPC {
	t.Helper()
	conn, err := net.Dial("tcp", s.GRPCAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &rawGRPC{conn, http2.NewFramer(conn, conn)}
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	if err := c.framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return c
}

// settings returns the first frame of the server, or an error if it does not come within limit.
func (c *rawGRPC) settings(limit time.Duration) (*http2.SettingsFrame, error) {
	if err := c.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	frame, err := c.framer.ReadFrame()
	if err != nil {
		return nil, err
	}
	return frame.(*http2.SettingsFrame), nil
}

// The settings of HTTP/2 bound what clients may send.
func TestTheGRPCPortLimitsCallsAndMetadata(t *testing.T) {
	t.Parallel()
	got, err := dialRawGRPC(t, startGRPC(t, nil)).settings(testTimeout)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[http2.SettingID]uint32{http2.SettingMaxConcurrentStreams: 100, http2.SettingMaxHeaderListSize: 8 << 10} {
		if v, ok := got.Value(id); !ok || v != want {
			t.Errorf("%v: got %d, want %d", id, v, want)
		}
	}
}

func TestTheGRPCPortLimitsConnections(t *testing.T) {
	t.Parallel()
	s := startGRPC(t, nil)
	var open []*rawGRPC
	for range grpcapi.MaxConnections {
		c := dialRawGRPC(t, s)
		if _, err := c.settings(testTimeout); err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	waiting := dialRawGRPC(t, s)
	if got, err := waiting.settings(300 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("connection %d: got %v, %v, want none before another one closes", grpcapi.MaxConnections+1, got, err)
	}
	open[0].Close()
	if _, err := waiting.settings(testTimeout); err != nil {
		t.Errorf("after a connection has closed: %v", err)
	}
}
