package server

// version says how new a state is that publications of a room tell as a whole: one that is older than what was told is of no
// use to anybody. The numbers of two epochs do not compare.
type version struct {
	number uint64 // 0 for none
	epoch  string
}

// advance takes the version of a publication, and is false where that is no newer than the last one. An epoch that is not told
// is the one before, as in Centrifugo.
func (v *version) advance(to version) bool {
	if (to.epoch == "" || to.epoch == v.epoch) && to.number <= v.number {
		return false
	}
	*v = to
	return true
}
