package bench

import (
	"fmt"

	"github.com/throng-chat/throng/bench/result"
)

// nearlyAll is the share of the messages that a server must treat in the same way, so that this counts as its design instead of a fault.
const nearlyAll = 0.9

// unfit returns why the server does not fit the scenario, if it does not. Then its deliveries are neither faults nor a measurement.
// explained is the fault that the mismatch looks like, or an empty string.
func unfit(r *result.Result) (why, explained string) {
	d, p := &r.Delivery, &r.Plan
	sent := float64(r.Sent.Messages) - float64(r.Sent.Died)
	if sent <= 0 || p.Size == 0 {
		return "", ""
	}
	elsewhere := sent*float64(r.Connect.Opened) - float64(d.Expected) // deliveries to other rooms, if the server had no rooms
	others := float64(d.Expected) - sent                              // deliveries due to members other than the sender
	came := float64(d.Got) - float64(d.Duplicated+d.Corrupt+d.Misrouted)
	switch own := float64(d.OwnLost); {
	case p.Rooms > 1 && elsewhere > 0 && float64(d.Misrouted) >= nearlyAll*elsewhere:
		return "no rooms: the server sends every message to all connections: use the scenario broadcast with one room", faultMisrouted
	case p.NoEcho:
		if came-float64(d.Expected) >= nearlyAll*sent {
			return "echo: the server returns a message to its sender: do not use --no-echo", ""
		}
	case d.Got == 0 && others < 1 && own >= nearlyAll*sent:
		return "no echo: the server does not return a message to its sender, and here the sender is the only receiver: use the scenario broadcast with --no-echo", faultLost
	case d.Got == 0:
		return "", ""
	case own >= nearlyAll*sent && float64(d.Lost) <= own:
		return "no echo: the server does not return a message to its sender: use --no-echo", faultLost
	case others > 0 && own == 0 && float64(d.Lost) >= others && came <= sent:
		return fmt.Sprintf("echo only: the server returns a message to its sender only%s: use the scenario echo", inRooms(p)), faultLost
	}
	return "", ""
}

func inRooms(p *result.Plan) string {
	if p.Rooms > 1 {
		return ", not to the room"
	}
	return ""
}

// The faults, in the words of a verdict.
const (
	faultLost      = "lost"
	faultMisrouted = "in a wrong room"
)
