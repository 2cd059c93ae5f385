// Package agent is the part of the load test that holds the connections: it dials, sends on schedule, reads, and proves what
// was delivered. It does so for a coordinator, over a link, in a process of its own or on another host, so that what draws,
// samples and computes does not disturb what is measured.
//
//	coordinator -> link -> agent: dialer -> pollers -> rooms (proof) -> ticks -> link -> coordinator
//
// Serve takes a plan, and a run follows it. A file uses the files above it:
//
//	message.go, protocol.go, stamp.go, limits.go    commands and events of the link, protocols, the stamp of a message, limits
//	proof.go, log.go                                the state of rooms and members
//	room.go, told.go, unordered.go, findings.go     the delivery check: one delivery, reported gaps, unordered entries, the findings
//	conn.go, engine.go                              connections, their pollers, the loop
//	opening.go, receive.go, ending.go, poller.go    what a poller does with bytes and with the end of a connection
//	state.go, dial.go, send.go, schedule.go         the state of a run, its dialer and its sender
//	moves.go, tick.go, report.go, run.go            clients that leave and return, ticks, the report, the run
//
// The connections are on nbio's loop: no goroutine for each. A poller's state is under its lock, which is taken once a read; a
// room's under its own; the sender's under its own. They are taken in the order poller, sender, room.
package agent

import (
	"context"
	"errors"
	"io"
)

// Serve does what the coordinator at the other end of the stream says, for one run. It returns when the stream
// ends, or when it cannot go on.
func Serve(ctx context.Context, stream io.ReadWriter) error {
	link := NewLink[Command, Event](stream)
	err := serve(ctx, link)
	if err != nil && !errors.Is(err, io.EOF) {
		// If that cannot be said either, the link is gone, and the coordinator knows.
		return errors.Join(err, link.Send(Event{Failed: err.Error()}))
	}
	return nil
}

func serve(ctx context.Context, link *Link[Command, Event]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	commands := make(chan Command)
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		for {
			c, err := link.Receive()
			if err != nil {
				ended <- err
				return
			}
			select {
			case commands <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	next := func() (Command, error) {
		select {
		case c := <-commands:
			return c, nil
		case <-ctx.Done():
			select {
			case err := <-ended:
				return Command{}, err
			default:
				return Command{}, ctx.Err()
			}
		}
	}
	plan, err := clocks(link, next)
	if err != nil {
		return err
	}
	r, err := newRun(plan, link)
	if err != nil {
		return err
	}
	if err := errors.Join(r.follow(ctx, next), r.engine.stop()); err != nil {
		return err
	}
	<-ctx.Done() // the others may not have reported yet, and an agent whose link ends before that is one that was lost
	return nil
}

// clocks answers questions for the time until the plan comes.
func clocks(link *Link[Command, Event], next func() (Command, error)) (*Plan, error) {
	for {
		c, err := next()
		switch {
		case err != nil:
			return nil, err
		case c.Plan != nil:
			return c.Plan, nil
		case c.Clock == nil:
			return nil, errors.New("agent: the first command must be a plan or a clock request")
		}
		shift += c.Clock.Shift
		if err := link.Send(Event{Clock: &Clock{Now: Now()}}); err != nil {
			return nil, err
		}
	}
}
