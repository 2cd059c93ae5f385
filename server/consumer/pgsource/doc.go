// Package pgsource consumes an outbox table of PostgreSQL. An application inserts rows in the transaction that changes its own tables.
//
// Rows have a partition. Each partition has one connection and one goroutine. It takes an advisory lock of the session, so that one node consumes the partition
// while the others wait. It reads rows in the order of their ids, and deletes them after throng has accepted them. An idle connection waits for NOTIFY,
// and looks for rows at an interval as well.
package pgsource
