package agent

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Welcome is the response to a valid token.
const Welcome = "throng agent"

const (
	maxToken    = 256 // bytes
	tokenWithin = 5 * time.Second
)

// Listen serves coordinators with the right token, one run after another, until ctx ends. It logs one line per run and per rejected
// connection. A connection without the right token takes five seconds at most.
func Listen(ctx context.Context, address, token string, log func(string)) error {
	if len(token) < 16 || len(token) > maxToken {
		return fmt.Errorf("token: must have 16 to %d characters, because it lets others open connections from this host", maxToken)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	log("listening on " + listener.Addr().String())
	for {
		stream, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		from := stream.RemoteAddr().String()
		if err := admit(stream, token); err != nil {
			log(fmt.Sprintf("rejected %s: %v", from, err))
		} else if err := Serve(ctx, stream); err != nil {
			log(fmt.Sprintf("run for %s: %v", from, err))
		} else {
			log("run for " + from + " is over")
		}
		if err := stream.Close(); err != nil {
			log(fmt.Sprintf("close %s: %v", from, err))
		}
		shift = 0 // the next coordinator has another clock
	}
}

// admit reads the token byte by byte, so that it does not consume the bytes after it.
func admit(stream net.Conn, token string) error {
	if err := stream.SetDeadline(time.Now().Add(tokenWithin)); err != nil {
		return err
	}
	var got []byte
	for {
		var b [1]byte
		if _, err := io.ReadFull(stream, b[:]); err != nil {
			return err
		}
		if b[0] == '\n' {
			break
		}
		if got = append(got, b[0]); len(got) > maxToken {
			return errors.New("no token")
		}
	}
	if subtle.ConstantTimeCompare(got, []byte(token)) != 1 {
		return errors.New("wrong token")
	}
	if _, err := fmt.Fprintf(stream, "%s\n", Welcome); err != nil {
		return err
	}
	return stream.SetDeadline(time.Time{})
}
