// Package agent is the part of the load test that holds the connections. It dials, sends on a schedule, reads, and checks what
// was delivered. It works for a coordinator, over a link, in its own process or on another host. So drawing, sampling and
// computing do not disturb the measurement.
//
//	coordinator -> link -> agent: dialer -> pollers -> rooms (delivery check) -> ticks -> link -> coordinator
//
// Serve receives a plan, and a run follows it. A file uses the files above it:
//
//	message.go, protocol.go, stamp.go, limits.go    commands and events of the link, protocols, the stamp of a message, limits
//	check.go, log.go                                the state of rooms and members
//	room.go, gaps.go, unordered.go, findings.go     the delivery check: one delivery, reported gaps, unordered entries, the findings
//	conn.go, engine.go                              connections, their pollers, the loop
//	opening.go, receive.go, ending.go, poller.go    what a poller does with bytes and with the end of a connection
//	state.go, dial.go, ramp.go                      the state of a run, its dialer
//	send.go, schedule.go                            its sender
//	targets.go, node.go, orphans.go                 rooms at several servers, the end of one of them
//	moves.go, tick.go, report.go, run.go            clients that leave and return, ticks, the report, the run
//
// nbio's loop serves the connections: a connection has no goroutine. Each poller, each room and the sender have a lock of their own.
// A poller takes its lock once per read. The locks are taken in the order poller, sender, room.
package agent

import (
	"context"
	"errors"
	"io"
)

// Serve follows the commands of the coordinator at the other end of stream, for one run. It returns nil when the stream ends, and an error
// if the run cannot continue; the coordinator receives that error too.
func Serve(ctx context.Context, stream io.ReadWriter) error {
	link := NewLink[Command, Event](stream)
	err := serve(ctx, link)
	if err != nil && !errors.Is(err, io.EOF) {
		// If Send fails as well, the link has ended, and the coordinator notices.
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
	<-ctx.Done() // the coordinator takes the end of a link for a lost agent, so keep it open until the other agents have reported
	return nil
}

// clocks answers clock requests until the plan arrives, and returns the plan.
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
