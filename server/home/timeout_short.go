//go:build shortraft

package home

import "time"

// AppendTimeout is shorter with the tag shortraft: after the death of the leader of a log, the append that it had gets no answer.
const AppendTimeout = 1500 * time.Millisecond
