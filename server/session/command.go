package session

import (
	"bytes"
	"encoding/binary"
	"time"
	"unicode/utf8"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// OnMessage handles the commands of one frame. Called on the poller; frame must not be kept.
func (s *Session) OnMessage(_ ws.Opcode, frame []byte, now time.Duration) {
	if len(frame) == 0 || s.Encoding.isJSON() && !utf8.Valid(frame) {
		s.flushAndDisconnect(disconnectBadRequest)
		return
	}
	s.onCommands(frame, now)
	if s.wait != nil {
		s.wait.FrameRest = bytes.Clone(s.wait.FrameRest)
	}
}

// onCommands handles the commands of a frame in order. If a command waits, the rest of the frame becomes FrameRest. Called on the
// poller.
func (s *Session) onCommands(frame []byte, now time.Duration) {
	for len(frame) > 0 && !s.Conn.Closing() {
		cmd, rest, ok := s.NextCommand(frame)
		if !ok {
			s.flushAndDisconnect(disconnectBadRequest)
			return
		}
		s.frameLeft = int32(len(frame))
		s.onCommand(cmd, now)
		frame = rest
		if s.Conn.Is(fanout.Paused) {
			s.wait.FrameRest = frame
			break
		}
	}
	s.flush()
}

// NextCommand decodes the first command of a frame: a line of JSON, or Protobuf after its length. The command shares no memory with the frame.
func (s *Session) NextCommand(frame []byte) (cmd *protocol.Command, rest []byte, ok bool) {
	cmd = &protocol.Command{}
	if s.Encoding.isJSON() {
		line, rest, _ := bytes.Cut(frame, []byte("\n"))
		return cmd, rest, cfjson.Unmarshal(line, cmd, 0) == nil
	}
	size, n := binary.Uvarint(frame)
	if n <= 0 || size > uint64(len(frame)-n) {
		return nil, nil, false
	}
	end := n + int(size)
	return cmd, frame[end:], cmd.UnmarshalCF(frame[n:end]) == nil
}

// onCommand handles one command.
func (s *Session) onCommand(cmd *protocol.Command, now time.Duration) {
	if s.State == rejected {
		return // the connection is closed as stale
	}
	if cmd.Id == 0 && cmd.Send == nil {
		s.onPong(cmd)
		return
	}
	if s.State == opened && cmd.Connect == nil || s.State == Connected && cmd.Connect != nil {
		s.flushAndDisconnect(disconnectBadRequest)
		return
	}
	if !s.Sessions.Settings().MessageRate.Allow(&s.messages, now, 1) || !s.Sessions.AllowCommand(s.source, now) {
		s.reject(cmd.Id, ErrTooManyRequests)
		if s.State == opened {
			s.State = rejected
		}
		return
	}
	fanout.AddTo(&s.Conn.ReceivedMessages, 1)
	name, execute := s.dispatch(cmd)
	if execute == nil {
		s.flushAndDisconnect(disconnectBadRequest)
		return
	}
	s.Sessions.Metrics.Commands.WithLabelValues(name).Inc()
	s.countRejections(execute)
}

// dispatch returns the name of a command in the metrics, and the function that executes it; nil for an unknown command.
func (s *Session) dispatch(cmd *protocol.Command) (string, func()) {
	switch id := cmd.Id; {
	case cmd.Connect != nil:
		return "connect", func() { s.connect(id, cmd.Connect) }
	case cmd.Subscribe != nil:
		return "subscribe", func() { s.subscribe(id, cmd.Subscribe) }
	case cmd.Unsubscribe != nil:
		return "unsubscribe", func() { s.unsubscribe(id, cmd.Unsubscribe) }
	case cmd.Publish != nil:
		return "publish", func() { s.publish(id, cmd.Publish) }
	case cmd.Presence != nil:
		return "presence", func() { s.presence(id, cmd.Presence) }
	case cmd.PresenceStats != nil:
		return "presence_stats", func() { s.presenceStats(id, cmd.PresenceStats) }
	case cmd.History != nil:
		return "history", func() { s.history(id, cmd.History) }
	case cmd.Refresh != nil:
		return "refresh", func() { s.refresh(id, cmd.Refresh) }
	case cmd.SubRefresh != nil:
		return "sub_refresh", func() { s.subRefresh(id, cmd.SubRefresh) }
	case cmd.Rpc != nil:
		return "rpc", func() { s.rpc(id, cmd.Rpc) }
	case cmd.Send != nil:
		return "send", func() { s.send(cmd.Send) }
	case cmd.Ping != nil:
		return "ping", func() { s.fail(id, ErrNoMethod) }
	}
	return "", nil
}

// onPong handles a command without an ID: a pong. The protocol does not allow a pong without a ping.
func (s *Session) onPong(cmd *protocol.Command) {
	name, _ := s.dispatch(cmd)
	if name != "" || s.Conn.Pinged.Swap(0) == 0 {
		s.flushAndDisconnect(disconnectBadRequest)
	}
}
