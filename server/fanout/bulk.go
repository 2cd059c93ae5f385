package fanout

// Bulk replies: replies that may be longer than MaxUnsent, and whose bytes many clients may share. The bytes count where they were made, and
// not in each outbox.

// bulkBytesPerFlush is the number of bytes of bulk replies after which a flush writes no further one.
const bulkBytesPerFlush = 128 << 10

// sendBulkReplies writes queued bulk replies, up to bulkBytesPerFlush. The rest follows in the next flush, so that a reply to a thousand
// clients does not delay other messages.
func (s *Shard) sendBulkReplies() {
	n := 0
	for bytes := 0; n < len(s.bulk) && bytes < bulkBytesPerFlush; n++ {
		_, body := s.bulk[n].Bulk.Parts()
		bytes += len(body)
		s.contain(&s.bulk[n], s.sendBulk)
		s.bulk[n] = Job{}
	}
	if s.bulk = s.bulk[n:]; len(s.bulk) > 0 {
		s.Wake()
		return
	}
	s.bulk = nil
}

// contain runs a job and recovers a panic of it, which closes the connection of the job.
func (s *Shard) contain(j *Job, do func(*Conn, *Job)) {
	defer func() {
		if e := recover(); e != nil {
			s.abortAfterPanic(j.Conn, e)
		}
	}()
	do(j.Conn, j)
}

func (s *Shard) sendBulk(c *Conn, j *Job) {
	d := &OutstandingReply{Reply: j.Bulk, Since: s.Core.Clock.Tick()}
	defer func() {
		s.replying = nil
		d.Written = true
		if c.Out == nil || !c.Out.endsWith(d) {
			d.complete()
		}
		j.Bulk.OnQueued()
	}()
	if c.Is(Finishing) {
		return
	}
	s.flushTopics(c)
	s.replying = d
	head, body := j.Bulk.Parts()
	for _, b := range [][]byte{head, body} {
		if !c.Is(Finishing) {
			s.write(c, b)
		}
	}
	s.yield()
}
