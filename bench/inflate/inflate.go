// Package inflate inflates the messages of permessage-deflate (RFC 7692) for the clients of the bench.
//
// A server that compresses each message by itself costs a client no memory. A server with context takeover refers to the last 32 KiB of text,
// so each connection needs this window. Connections that have received the same messages share one: a Window is immutable, and the same
// payload behind the same Window has the same text. So a message to all members of a room is inflated once, and the windows of members that
// joined at different times become one after 32 KiB of common text.
//
// The package shares nothing with server/deflate, so that a fault of either one shows.
package inflate

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
)

// WindowSize is the size of a full Window, in bytes.
const WindowSize = 32 << 10

// The errors of Alone and Following.
var (
	ErrTooBig  = errors.New("message is larger than its limit")
	ErrCorrupt = errors.New("compressed message is not valid")
)

const (
	recentMessages = 8
	largestRecent  = 64 << 10 // bytes of a text
	maxStreams     = 64       // of one message: a sender may end each with BFINAL (7.2.3.4)

	// messageEnd is what the sender has removed, and an empty final block: so the reader ends there.
	messageEnd = "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff"
)

// Window is the last text of a connection. nil is that of a connection without a message. It belongs to an Inflater.
type Window struct {
	refs int
	text []byte
}

// Inflater inflates the messages of many connections. It has one owner, and about 45 KB.
type Inflater struct {
	limit  int // bytes of a text
	in     []byte
	out    []byte // the window before a message, and its text
	source bytes.Reader
	reader io.ReadCloser // also a flate.Resetter

	recent [recentMessages]message
	oldest int // index in recent

	free    []*Window
	windows int
}

// message is a message that was inflated.
type message struct {
	payload, text []byte
	follows       bool    // the windows are those of a connection with context takeover
	before, after *Window // nil: none
}

// New returns an Inflater for texts of up to limit bytes.
func New(limit int) *Inflater {
	f := &Inflater{limit: limit}
	f.reader = flate.NewReader(&f.source)
	return f
}

// Windows returns the number of windows in use.
func (f *Inflater) Windows() int { return f.windows }

// Alone returns the text of a message that does not refer to others. It is valid until the next call.
func (f *Inflater) Alone(payload []byte) ([]byte, error) {
	text, _, err := f.message(payload, nil, false)
	return text, err
}

// Following returns the text of a message of a connection with the window before, and the connection's next window. The text is valid until the
// next call. before is not valid after a call without an error. Call Release for the last window of a connection.
func (f *Inflater) Following(payload []byte, before *Window) (text []byte, after *Window, err error) {
	text, after, err = f.message(payload, before, true)
	if err == nil {
		hold(after)
		f.Release(before)
	}
	return text, after, err
}

// Release ends the use of a connection's window.
func (f *Inflater) Release(w *Window) {
	if w == nil {
		return
	}
	if w.refs--; w.refs == 0 {
		f.windows--
		f.free = append(f.free[:min(len(f.free), recentMessages)], w)
	}
}

func hold(w *Window) {
	if w != nil {
		w.refs++
	}
}

func (f *Inflater) message(payload []byte, before *Window, follows bool) ([]byte, *Window, error) {
	var same *message // the newest one with this payload
	for i := range f.recent {
		m := &f.recent[(f.oldest+recentMessages-1-i)%recentMessages]
		if m.follows != follows || m.payload == nil || !bytes.Equal(m.payload, payload) {
			continue
		}
		if m.before == before {
			return m.text, m.after, nil
		}
		if same == nil {
			same = m
		}
	}
	var window []byte
	if before != nil {
		window = before.text
	}
	text, err := f.inflate(payload, window)
	if err != nil {
		return nil, nil, err
	}
	m := &f.recent[f.oldest]
	if len(text) > largestRecent { // not kept, but m holds its window for the caller
		payload = nil
	}
	var after *Window
	if follows {
		after = f.next(same)
	}
	hold(before)
	hold(after)
	f.Release(m.before)
	f.Release(m.after)
	m.before, m.after, m.follows = before, after, follows
	m.payload, m.text = append(m.payload[:0], payload...), append(m.text[:0], text...)
	if payload == nil {
		m.payload, m.text = nil, nil
	}
	f.oldest = (f.oldest + 1) % recentMessages
	return text, after, nil
}

// next returns the window that ends with out: that of same if it has the same bytes.
func (f *Inflater) next(same *message) *Window {
	text := f.out[max(0, len(f.out)-WindowSize):]
	if same != nil && same.after != nil && bytes.Equal(same.after.text, text) {
		return same.after
	}
	w := &Window{}
	if n := len(f.free); n > 0 {
		w, f.free = f.free[n-1], f.free[:n-1]
	}
	f.windows++
	w.text = append(w.text[:0], text...)
	return w
}

// inflate returns the text of a payload behind a window. It is valid until the next call.
func (f *Inflater) inflate(payload, window []byte) ([]byte, error) {
	f.in = append(append(f.in[:0], payload...), messageEnd...)
	f.source.Reset(f.in)
	f.out = append(f.out[:0], window...)
	for range maxStreams {
		if err := f.reader.(flate.Resetter).Reset(&f.source, f.out[max(0, len(f.out)-WindowSize):]); err != nil {
			return nil, ErrCorrupt
		}
		if err := f.stream(len(window) + f.limit); err != nil {
			return nil, err
		}
		if f.source.Len() <= len(messageEnd) {
			return f.out[len(window):], nil
		}
	}
	return nil, ErrCorrupt
}

// stream appends one stream to out, until that has more than most bytes.
func (f *Inflater) stream(most int) error {
	for {
		if len(f.out) == cap(f.out) {
			f.out = append(f.out, 0)[:len(f.out)]
		}
		n, err := f.reader.Read(f.out[len(f.out):min(cap(f.out), most+1)])
		f.out = f.out[:len(f.out)+n]
		switch {
		case len(f.out) > most:
			return ErrTooBig
		case err == io.EOF:
			return nil
		case err != nil:
			return ErrCorrupt
		}
	}
}
