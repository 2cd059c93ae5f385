package server

// outbox is what a full socket refused: slices of batches that all slow members share, so that a stopped reader costs
// pointers and no copies. Batches in it are never written to again; the garbage collector frees them.
type outbox struct {
	batches [][]byte
	bytes   int
	asked   int // bytes of a long answer among them, which the client asked for
}

func (o *outbox) push(b []byte) {
	o.batches = append(o.batches, b)
	o.bytes += len(b)
}

// head is what to send next: one big slice as it is, or several small ones gathered in scratch. It is not taken out.
func (o *outbox) head(scratch []byte) []byte {
	if len(o.batches[0]) >= cap(scratch)/2 || len(o.batches) == 1 {
		return o.batches[0]
	}
	scratch = scratch[:0]
	for _, b := range o.batches {
		if len(scratch)+len(b) > cap(scratch) {
			break
		}
		scratch = append(scratch, b...)
	}
	return scratch
}

// advance takes n sent bytes out.
func (o *outbox) advance(n int) {
	o.bytes -= n
	for n > 0 {
		if n < len(o.batches[0]) {
			o.batches[0] = o.batches[0][n:]
			return
		}
		n -= len(o.batches[0])
		o.batches[0] = nil
		o.batches = o.batches[1:]
	}
}
