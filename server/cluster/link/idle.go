package link

// Served notes that this node owns the log with a term, and has done the last message itself.
func (s *Queue) Served(term uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.servedTerm, s.served = term, s.handed
}

// Idle reports whether this node, which owns the log with a term, has done all requests: what it adds to the log now is behind them.
func (s *Queue) Idle(term uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue) == 0 || s.servedTerm == term && s.served == s.last
}
