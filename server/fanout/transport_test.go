package fanout

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

// A connection has a size class of Go's allocator to itself: one more word costs 16 bytes of each plain client.
func TestAConnTakes168Bytes(t *testing.T) {
	if got := unsafe.Sizeof(Conn{}); got != 168 {
		t.Errorf("got %d bytes, want 168", got)
	}
}

// dripTransport is a transport without a socket. It seals at most seal bytes at a time, and its peer accepts only what the test lets it.
type dripTransport struct {
	t       *testing.T
	seal    int
	room    int // bytes that the peer still accepts
	full    bool
	pending []byte
	sent    []byte
	closed  bool // by CloseWrite
	ended   bool
}

func (d *dripTransport) Read([]byte) (int, bool, error) { return 0, false, syscall.EAGAIN }
func (d *dripTransport) HungUp() bool                   { return false }
func (d *dripTransport) Pending() int                   { return len(d.pending) }
func (d *dripTransport) Held() int                      { return 0 }
func (d *dripTransport) Socket() *netpoll.Socket        { return nil }

func (d *dripTransport) Write(p []byte) (n int, err error) {
	if d.full {
		d.t.Error("Write was called on a full socket")
	}
	for {
		k := min(len(d.pending), d.room)
		d.sent = append(d.sent, d.pending[:k]...)
		d.pending, d.room = d.pending[k:], d.room-k
		switch {
		case len(d.pending) > 0:
			d.full = true
			return n, syscall.EAGAIN
		case n == len(p):
			return n, nil
		}
		k = min(len(p)-n, d.seal)
		d.pending = append(d.pending, p[n:n+k]...)
		n += k
	}
}

func (d *dripTransport) CloseWrite() error {
	if len(d.pending) > 0 {
		d.t.Errorf("CloseWrite was called with %d bytes pending", len(d.pending))
	}
	d.closed = true
	return nil
}

func (d *dripTransport) End() error {
	d.ended = true
	return nil
}

// accept lets the peer accept n bytes more, as the loop reports that.
func (d *dripTransport) accept(c *Conn, n int) {
	d.room += n
	if d.full && d.room > 0 {
		d.full = false
		c.Set(writable)
		c.Shard.anyWritable.Store(true)
		c.Shard.work()
	}
}

// newDrip returns a connection over a transport that seals at most seal bytes at a time. Nothing runs: the test calls the shard.
func newDrip(t *testing.T, maxUnsent, seal int) (*Conn, *dripTransport, *Engine) {
	t.Helper()
	e := newTestEngine(Config{MaxUnsent: maxUnsent})
	e.Heartbeat = NewHeartbeat(&e.Core, time.Minute, time.Minute)
	client, d := &echoClient{}, &dripTransport{t: t, seal: seal}
	e.NewConn(&client.conn, d, client)
	return &client.conn, d, e
}

func sendFrame(c *Conn, payload string) (frame []byte) {
	frame = EncodeFrame(ws.OpText, []byte(payload))
	c.Shard.handle(&Job{Do: SendFrame, Conn: c, Frame: frame})
	return frame
}

// A transport may take any number of bytes at a time, and keep any number of them: the peer receives all frames, each once and in order,
// then the end.
func TestATransportThatKeepsBytesSendsAllInOrder(t *testing.T) {
	for _, seal := range []int{1, 3, 16, 1 << 20} {
		for _, step := range []int{1, 2, 7} {
			t.Run(fmt.Sprintf("seal %d step %d", seal, step), func(t *testing.T) {
				c, d, e := newDrip(t, 64<<10, seal)
				var want []byte
				d.room = 2 // the first frame is sent in part
				for i := range 5 {
					want = append(want, sendFrame(c, strings.Repeat(fmt.Sprint(i), i*5))...)
				}
				if got, waits := e.Counts().Unsent, int64(len(want)-len(d.sent)); got != waits {
					t.Errorf("got %d unsent bytes, want %d", got, waits)
				}
				c.Shard.handle(&Job{Do: SendClose, Conn: c, Frame: PingFrame}) // any frame
				want = append(want, PingFrame...)
				for i := 0; c.Out != nil; i++ {
					if d.closed {
						t.Fatal("the end was sent before the frames")
					}
					if i > len(want) {
						t.Fatalf("got %d of %d bytes, and then none", len(d.sent), len(want))
					}
					d.accept(c, step)
				}
				if !bytes.Equal(d.sent, want) {
					t.Errorf("got %q, want %q", d.sent, want)
				}
				if !d.closed {
					t.Error("the end was not sent")
				}
				if n := e.Counts().Unsent; n != 0 || e.Retained.Load() != 0 || c.Stalled.Load() != 0 {
					t.Errorf("got %d unsent and %d retained bytes, stalled %d, want 0", n, e.Retained.Load(), c.Stalled.Load())
				}
			})
		}
	}
}

// Pending bytes are private to the connection: they count toward MaxUnsent, and they are dropped with it.
func TestPendingBytesCountTowardTheLimit(t *testing.T) {
	const most, kept = 4096, 4000
	for _, seal := range []int{kept, 1} {
		c, d, e := newDrip(t, most, seal)
		sendFrame(c, strings.Repeat("x", kept))
		for range 3 {
			sendFrame(c, "more")
		}
		if got, want := c.Closing(), seal == kept; got != want || d.ended != want {
			t.Errorf("%d bytes sealed at a time: got closed %v, want %v", seal, got, want)
		}
		if c.Closing() && (c.Reason() != ClosedSlow || e.Counts().Unsent != 0 || e.Retained.Load() != 0) {
			t.Errorf("got reason %v, %d unsent and %d retained bytes", c.Reason(), e.Counts().Unsent, e.Retained.Load())
		}
	}
}

// sealedTransport puts bytes into records: length, sequence number, content combined with the number. A record is made once.
type sealedTransport struct {
	socket *netpoll.Socket

	out   []byte // rest of one sealed record
	outAt byte   // sequence number of the next record

	in   []byte // the head of a record
	inAt byte
}

const recordHead, mostInRecord = 3, 1000

func sealRecord(seq byte, p []byte) []byte {
	b := append(binary.BigEndian.AppendUint16(nil, uint16(len(p))), seq)
	for _, x := range p {
		b = append(b, x^seq)
	}
	return b
}

// openRecord opens the first record of b. ok is false if it is not complete.
func openRecord(seq byte, b []byte) (p, rest []byte, ok bool, err error) {
	if len(b) < recordHead {
		return nil, b, false, nil
	}
	n := recordHead + int(binary.BigEndian.Uint16(b))
	if len(b) < n {
		return nil, b, false, nil
	}
	if b[2] != seq {
		return nil, b, false, fmt.Errorf("got record %d, want %d", b[2], seq)
	}
	for _, x := range b[recordHead:n] {
		p = append(p, x^seq)
	}
	return p, b[n:], true, nil
}

func (st *sealedTransport) Read(p []byte) (int, bool, error) {
	if len(st.in) < recordHead || len(st.in) < recordHead+int(binary.BigEndian.Uint16(st.in)) {
		n, err := st.socket.Read(p)
		if err != nil {
			return 0, false, err
		}
		if n == 0 {
			return 0, false, io.EOF
		}
		st.in = append(st.in, p[:n]...)
	}
	plain, rest, ok, err := openRecord(st.inAt, st.in)
	if !ok {
		return 0, err == nil, err
	}
	st.in, st.inAt = rest, st.inAt+1
	return copy(p, plain), true, nil
}

func (st *sealedTransport) Write(p []byte) (n int, err error) {
	for {
		if len(st.out) > 0 {
			k, err := netpoll.SendOrWatch(st.socket, st.out)
			if st.out = st.out[k:]; err != nil {
				return n, err
			}
		}
		if n == len(p) {
			return n, nil
		}
		k := min(len(p)-n, mostInRecord)
		st.out = sealRecord(st.outAt, p[n:n+k])
		st.outAt++
		n += k
	}
}

func (st *sealedTransport) HungUp() bool            { return netpoll.HungUp(st.socket) }
func (st *sealedTransport) Pending() int            { return len(st.out) }
func (st *sealedTransport) Held() int               { return 0 }
func (st *sealedTransport) CloseWrite() error       { return netpoll.CloseWrite(st.socket) }
func (st *sealedTransport) End() error              { return netpoll.End(st.socket) }
func (st *sealedTransport) Socket() *netpoll.Socket { return st.socket }

// A transport with records of its own runs on the loop: records that are cut or come together are read, each record is made once and sent in
// order past a full socket, and the close arrives.
func TestARecordTransportRunsOnTheLoop(t *testing.T) {
	e := newTestEngine(Config{MaxUnsent: 1 << 20})
	if err := e.Start(0, time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	defer func() {
		e.Quit()
		e.Stop()
	}()
	ours, theirs := tcpPair(t)
	defer theirs.Close()
	socket, err := netpoll.FromConn(ours, ours.RemoteAddr().(*net.TCPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetsockoptInt(socket.Hash(), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 8<<10); err != nil {
		t.Fatal(err)
	}
	client := &echoClient{closed: make(chan struct{})}
	if !e.Reserve() {
		t.Fatal("no place")
	}
	e.NewConn(&client.conn, &sealedTransport{socket: socket}, client)
	e.Wake(e.Register(&client.conn, nil, EncodeFrame(ws.OpText, []byte("hello")), nil))

	// All messages are sent before any answer is read: the socket of the answers is full meanwhile.
	var stream, want []byte
	want = append(want, EncodeFrame(ws.OpText, []byte("hello"))...)
	seq := byte(0)
	for i := range 200 {
		payload := []byte(strings.Repeat(string(rune('a'+i%26)), i*17))
		frame := ws.AppendMaskedFrame(nil, ws.OpText, uint32(i), payload)
		want = append(want, EncodeFrame(ws.OpText, payload)...)
		for len(frame) > 0 { // a frame may span records, and a record be shorter than a head
			k := min(len(frame), 1+i*7%mostInRecord)
			stream = append(stream, sealRecord(seq, frame[:k])...)
			frame = frame[k:]
			seq++
		}
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := 0; len(stream) > 0; i++ { // cut at any place
			k := min(len(stream), 1+i*31%4000)
			if _, err := theirs.Write(stream[:k]); err != nil {
				t.Error(err)
				return
			}
			stream = stream[k:]
		}
	}()
	got := readRecords(t, theirs, len(want))
	<-sent
	if !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes that differ from the %d sent", len(got), len(want))
	}
	client.conn.Close(ClosedByAdmin, ws.CloseNormal, "done")
	if err := theirs.SetReadDeadline(time.Now().Add(testkit.Timeout)); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(theirs); err != nil || !bytes.HasSuffix(rest[recordHead:], xored("done", rest[2])) {
		t.Errorf("got %q, %v, want the close frame and the end", rest, err)
	}
	if err := theirs.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-client.closed:
	case <-time.After(testkit.Timeout):
		t.Fatal("the connection was not closed")
	}
	if n := e.Counts().Unsent; n != 0 || e.Retained.Load() != 0 {
		t.Errorf("got %d unsent and %d retained bytes, want 0", n, e.Retained.Load())
	}
}

func xored(text string, seq byte) []byte { return sealRecord(seq, []byte(text))[recordHead:] }

// readRecords reads records whose contents have n bytes together.
func readRecords(t *testing.T, from net.Conn, n int) (all []byte) {
	t.Helper()
	if err := from.SetReadDeadline(time.Now().Add(testkit.Timeout)); err != nil {
		t.Fatal(err)
	}
	var in []byte
	buf := make([]byte, 4<<10)
	for seq := byte(0); len(all) < n; {
		p, rest, ok, err := openRecord(seq, in)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			all, in = append(all, p...), rest
			seq++
			continue
		}
		k, err := from.Read(buf)
		if err != nil {
			t.Fatalf("after %d of %d bytes: %v", len(all), n, err)
		}
		in = append(in, buf[:k]...)
	}
	return all
}
