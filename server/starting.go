package server

import (
	"sync/atomic"

	"github.com/throng-chat/throng/server/cluster"
)

// starting is what the server waits for before it serves. Any goroutine may call its methods.
type starting struct {
	node *cluster.Node // constant; nil unless this is a node of a cluster
	step atomic.Pointer[string]
}

// at notes the step that begins; empty: the server serves.
func (st *starting) at(step string) { st.step.Store(&step) }

// waits returns what the server waits for; empty while it serves.
func (st *starting) waits() string {
	step := st.step.Load()
	if step == nil {
		return "opening the ports"
	}
	if *step == stepRooms && st.node != nil {
		if waits := st.node.Waits(); waits != "" {
			return waits
		}
	}
	return *step
}

// The steps of a start.
const (
	stepRooms     = "reading the history of the rooms"
	stepSanctions = "reading the sanctions"
	stepKeys      = "reading the keys of guest tokens"
	stepPush      = "reading the subscriptions of Web Push"
	stepNone      = "" // the server serves
)
