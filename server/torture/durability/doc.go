// Package durability runs a server with durable rooms under load, breaks it again and again, and lets package oracle judge what its clients
// saw. The server is a process of its own, as a user runs it: throng serve --data DIR.
//
//	publishers:  SDK clients with a publication in flight in each of their rooms; API clients with idempotency keys, which repeat a
//	             publication until it is acknowledged
//	subscribers: SDK clients in all rooms, which recover after each connection
//	a Fault:     what breaks the server in a round, and repairs it: Kill, Stop, FillDisk, Inject
//
// At the end the server stops, throng data export writes the log, and the oracle compares it with the acknowledgements and with what each
// subscriber received. The files of a run stay in its directory.
//
// RunCluster does the same with three nodes: a ClusterFault kills, stops or parts nodes, and the clients use all of them. The nodes reach each
// other by proxies, which stop the bytes of a direction. The history that all nodes have at the end is the log that the oracle judges.
//
// The programs durable and cluster run many rounds of each fault. A test of cmd/throng runs a few.
package durability
