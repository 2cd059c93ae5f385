//go:build linux

// Package crashtest ends a process that appends records, and compares what it acknowledged with what the next start finds.
//
//	parent: Kill, PowerLoss --> child process: Append --> engine on a directory or on a loop device
//	        <-- events (acknowledged, trimmed) on its standard output
//	        ends the child, then check: opens the same data, replays them
//
// Kill ends the child with kill -9: what it wrote is still in the page cache of the system, so this shows nothing about syncs. PowerLoss
// does: it stops the child and copies the image of its file system. The copy has what the file system has written to its device, and none of
// the pages that wait for it. Without syncs PowerLoss reports losses (Options.NoSync), which shows that it would find them.
//
// It does not model a drive that loses its own cache after a flush.
package crashtest
