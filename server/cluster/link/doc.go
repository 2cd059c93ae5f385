// Package link carries requests of a node to the owner of a log: publications and other changes of its clients. It has no socket, no clock and no
// goroutine.
//
//	Queue.Add --> queue --> Queue.Next: a message --> the owner: Receiver.Accept, in order, each once --> the log
//	Request.Done <-- Queue.Applied: the entry with the number of the request is in the log <---------------+
//	             <-- Queue.Answered: an answer of the owner, for what is not in the log
//
// A request is entries of package record, and a message is a record. The requests of a node have numbers without holes. The owner accepts the next
// number only (go-back-N): after a loss the sender repeats from the oldest request without an answer. The entry in the log has the node and the
// number. So the node knows from the log itself what was stored, also after the owner has died: the fence of the next owner says that all
// others were not, and they are sent again, to that owner.
//
// State and its life: all of it is in memory. It ends with the process: then the clients of its requests are gone, too. A reload changes nothing.
package link
