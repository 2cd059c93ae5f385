// Package audit writes the audit log: who changed what, when, and with which result, as JSON lines. It knows none of the packages that record
// their actions.
//
//	Log.Record --> logqueue.Queue (bounded, never blocks) --> its goroutine --> lines.Handle --> file
//
// A record that does not fit into the queue, or that cannot be written, is counted, and a line says how many are missing. No field has a secret,
// the data of a publication, or the info of a client.
package audit
