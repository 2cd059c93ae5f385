package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/centrifugal/centrifuge-go"
)

const (
	maxLine      = 16 << 20 // bytes of a line of standard input: the largest max-message
	messageIDLen = 12       // bytes
	publishPause = 100 * time.Millisecond
)

// publishCmd is the command throng publish.
type publishCmd struct {
	Room string `arg:"" help:"Room."`
	Text string `arg:"" optional:"" help:"Text of one message. Without it, each line of standard input is a message."`

	JSON    bool          `name:"json" help:"The text, or each line, is JSON: the data of a publication as it is."`
	NoJoin  bool          `help:"Do not join the room. Its option publish must then allow clients that are not members."`
	Timeout time.Duration `default:"10s" help:"Time for each publication."`
	clientFlags
}

// Run publishes the text, or the lines.
func (pb *publishCmd) Run(std *streams) error {
	if pb.Text == "" && pb.TokenFile == "-" {
		return &exitError{code: exitUsage, err: errors.New("token-file: standard input has the messages: name a file, or set THRONG_TOKEN")}
	}
	if pb.Text != "" {
		if _, err := pb.data([]byte(pb.Text)); err != nil {
			return &exitError{code: exitUsage, err: err}
		}
	}
	ctx, stop := interruptible()
	defer stop()
	tk, err := pb.connect(ctx, std)
	if err != nil {
		return err
	}
	defer tk.Close()
	to, err := pb.target(tk)
	if err != nil {
		return err
	}
	if pb.Text != "" {
		return pb.publish(ctx, tk, to, []byte(pb.Text))
	}
	lines := bufio.NewScanner(std.in)
	lines.Buffer(nil, maxLine)
	number, published := 0, 0
	for lines.Scan() {
		if number++; len(lines.Bytes()) == 0 {
			continue
		}
		if err := pb.publish(ctx, tk, to, lines.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w; %d lines before it are published", number, err, published)
		}
		published++
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", number+1, err)
	}
	return std.note("published %s", count(published, "line"))
}

// publisher publishes in one room. It waits for the reply.
type publisher func(ctx context.Context, data []byte) (centrifuge.PublishResult, error)

// target returns the publisher of the room, which it joins.
func (pb *publishCmd) target(tk *talker) (publisher, error) {
	if pb.NoJoin {
		return func(ctx context.Context, data []byte) (centrifuge.PublishResult, error) {
			return tk.Publish(ctx, pb.Room, data)
		}, nil
	}
	sub, err := tk.subscription(pb.Room, centrifuge.SubscriptionConfig{})
	if err != nil {
		return nil, err
	}
	return sub.Publish, sub.Subscribe()
}

// publish publishes one message, and repeats it while the server says that it can be repeated: it was not published then.
func (pb *publishCmd) publish(ctx context.Context, tk *talker, to publisher, text []byte) error {
	data, err := pb.data(text)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pb.Timeout)
	defer cancel()
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval = publishPause
	_, err = backoff.Retry(ctx, func() (centrifuge.PublishResult, error) {
		at, err := to(ctx, data)
		if refusal := (*centrifuge.Error)(nil); err == nil || errors.As(err, &refusal) && refusal.Temporary {
			return at, err
		}
		return at, backoff.Permanent(err)
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(pb.Timeout))
	if err == nil {
		return nil
	}
	if cause := tk.causeOf(ctx, err); cause != nil {
		return fmt.Errorf("not published: %w", cause)
	}
	if refusal := (*centrifuge.Error)(nil); errors.As(err, &refusal) {
		return fmt.Errorf("not published: room %q: %d %s", pb.Room, refusal.Code, refusal.Message)
	}
	return fmt.Errorf("the server may have published it, or not: no reply: %w", err)
}

// causeOf returns why the server ended the connection or the membership, in its own words; nil if it did not. The SDK reports the end of a
// membership after the error of the publication.
func (tk *talker) causeOf(ctx context.Context, err error) error {
	if errors.Is(err, centrifuge.ErrSubscriptionUnsubscribed) {
		select {
		case cause := <-tk.failed:
			return cause
		case <-ctx.Done():
			return nil
		}
	}
	select {
	case cause := <-tk.failed:
		return cause
	default:
		return nil
	}
}

// data returns the data of a publication.
func (pb *publishCmd) data(text []byte) ([]byte, error) {
	if pb.JSON {
		if !json.Valid(text) {
			return nil, errors.New("not published: --json: the text is not JSON")
		}
		return text, nil
	}
	return json.Marshal(struct {
		ID   string `json:"id"`
		Text string `json:"text"`
	}{hex.EncodeToString(randomBytes(messageIDLen)), string(text)})
}
