package cluster

import (
	"fmt"
	"time"
)

// TwinError: another process has the name of this node.
type TwinError struct{ Name string }

func (te *TwinError) Error() string {
	return fmt.Sprintf("the node name %q is in use by another process of the cluster: stop that process, or give this node another name", te.Name)
}

// twins is what this node knows of two processes with one name.
type twins struct {
	heard time.Duration // the last sign of another process with the name of this node; 0: none. Guarded by Node.mu

	// Owned by Run.
	shown  time.Duration            // the last look with such a sign; 0: none
	others map[string]time.Duration // the last look with two processes of another node, by its name
}
