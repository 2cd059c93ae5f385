//go:build !shortraft

package home

import "time"

// AppendTimeout is the time for one append. After it the log is opened again, because the disk does not answer.
const AppendTimeout = 5 * time.Second
