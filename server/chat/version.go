package chat

// Version orders publications that each contain the whole state of a room: Publish ignores one with an older version. Versions of different
// epochs are not comparable.
type Version struct {
	Number uint64 // 0 for none
	Epoch  string
}

// advance sets v to the version of a publication. It returns false if that is not newer. As in Centrifugo, an empty epoch means the current
// one.
func (v *Version) advance(to Version) bool {
	if (to.Epoch == "" || to.Epoch == v.Epoch) && to.Number <= v.Number {
		return false
	}
	*v = to
	return true
}
