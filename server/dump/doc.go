// Package dump checks the log of durable rooms, writes it as JSON lines, and reads such lines into a log. It is the work of the commands
// throng data check, export and import.
//
//	Check:  log --> records --> report: damaged records, missing ones, gaps in the offsets of rooms
//	Export: log --> first pass: redactions, cleared histories --> second pass: lines
//	Import: lines --> first pass: refuse all or nothing --> second pass: records --> log
//
// All three read one record or one line at a time. Beyond it they keep a few numbers for each room (MaxRooms) and for each redaction and
// cleared history (MaxRemovals). docs/data.md specifies the lines.
//
// The functions block, and end with the error of their context. The caller has the log for itself: the engine locks its directory.
package dump
