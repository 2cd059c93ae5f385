// Package consumer takes messages of a broker or a database into throng, at least once and in the order of their partition.
//
//	broker --> Source.Run --> Consumer.deliver --> Call: a method of the server API
//	       <-- commit     <-- Outcome          <-- done, rejected, or temporary: again after a pause
//
// A Source owns the connection to its broker and delivers the messages of a partition one after another; partitions are independent. It commits a message
// after throng has accepted it, or has rejected it for good. Each kind of broker is a package of its own (natssource, kafkasource, pgsource). The
// Consumer decides what becomes of a message, adds an idempotency key, and starts its Source again after a failure.
//
// State: none is stored here. The position in a stream is the broker's. A restart delivers the messages again that were not committed, with the
// same keys. A file uses those after it in this list: consumer.go, call.go, message.go.
package consumer
