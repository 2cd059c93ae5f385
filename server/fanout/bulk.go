package fanout

// How a shard writes bulk replies. One may be longer than what else may wait for a slow reader, and many clients may wait for the same
// bytes: those count where they were made, and not for each outbox.

// BytesARound is how many bytes of bulk replies a shard writes, and one more reply, before others have their turn.
const BytesARound = 128 << 10

// SendBulks writes some of the bulk replies that are to be written. A thousand clients may wait for the same one: what else there is
// to write does not wait for all of them.
func (s *Shard) SendBulks() {
	n := 0
	for bytes := 0; n < len(s.bulk) && bytes < BytesARound; n++ {
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

// contain does what a job asks for. A fault of our own code costs its connection.
func (s *Shard) contain(j *Job, do func(*Conn, *Job)) {
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(j.Conn, e)
		}
	}()
	do(j.Conn, j)
}

func (s *Shard) sendBulk(c *Conn, j *Job) {
	d := &Debt{Reply: j.Bulk, Since: s.Shared.Clock.Tick()}
	defer func() {
		s.replying = nil
		if d.Written = true; c.Out == nil || !c.Out.endsWith(d) {
			d.pay()
		}
		j.Bulk.OnQueued()
	}()
	if c.Is(Finishing) {
		return
	}
	s.catchUp(c)
	s.replying = d
	head, body := j.Bulk.Parts()
	for _, b := range [][]byte{head, body} {
		if !c.Is(Finishing) {
			s.write(c, b)
		}
	}
	s.yield()
}
