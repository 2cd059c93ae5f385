package chat

// logOf returns the log of the rooms with options; nil for rooms without one.
func (h *Hub) logOf(o *Options) *Durable {
	switch {
	case !o.Durable:
		return nil
	case o.inMemory:
		return h.InMemory
	}
	return h.Durable
}
