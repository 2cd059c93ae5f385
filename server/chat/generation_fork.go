package chat

// fork is the generation of a room before its last one, and the last offset that both share. The zero fork is none.
type fork struct{ generation, offset uint64 }
