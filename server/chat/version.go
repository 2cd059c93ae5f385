package chat

// Version says how new a state is that publications of a room tell as a whole: one that is older than what was told is of no
// use to anybody. The numbers of two epochs do not compare.
type Version struct {
	Number uint64 // 0 for none
	Epoch  string
}

// advance takes the version of a publication, and is false where that is no newer than the last one. An epoch that is not told
// is the one before, as in Centrifugo.
func (v *Version) advance(to Version) bool {
	if (to.Epoch == "" || to.Epoch == v.Epoch) && to.Number <= v.Number {
		return false
	}
	*v = to
	return true
}
