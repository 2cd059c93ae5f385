// Package natssource consumes streams of NATS JetStream by durable pull consumers. Each durable consumer is one partition: the server delivers its next
// message after the acknowledgement of the one before, also to several nodes that share it.
package natssource
