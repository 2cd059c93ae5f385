// Package kafkasource consumes topics of Kafka as a member of a consumer group.
//
//	poll --> assignment: one worker for each partition with records --> deliver, commit
//	         the partition is paused until its worker ends
//
// The workers of partitions that the group takes away end before another member begins. A file uses those after it in this list: source.go,
// assignment.go, config.go.
package kafkasource
