package bench

import (
	"fmt"

	"github.com/throng-chat/throng/bench/result"
)

// nearlyAll is the share of the messages that a server must treat alike until that is taken for what it does, and not for a fault.
const nearlyAll = 0.9

// unfit is what the server does not do, or does, though the scenario takes it otherwise: then what it delivers is no fault of its, and no
// measurement. explained is the fault that it looks like; empty for none. All fractions are of what came, or was to come.
func unfit(r *result.Result) (why, explained string) {
	d, p := &r.Delivery, &r.Plan
	sent := float64(r.Sent.Messages) - float64(r.Sent.Died)
	if sent <= 0 || p.Size == 0 {
		return "", ""
	}
	elsewhere := sent*float64(r.Connect.Opened) - float64(d.Expected) // what those in other rooms get where there are none
	others := float64(d.Expected) - sent                              // what is due to those who did not send it
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

// The faults in the words of a verdict.
const (
	faultLost      = "lost"
	faultMisrouted = "in a wrong room"
)
