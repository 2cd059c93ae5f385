package fanout

import "github.com/throng-chat/throng/server/deflate"

// Format is how a member receives messages: an encoding, whose number the owner of an audience defines (0 to 15), and the compression. A
// Message knows the encodings only.
type Format uint16

const windowShift = 4

// Compressed returns the format of members that have negotiated permessage-deflate with a window. w is 0 for none.
func (f Format) Compressed(w deflate.Window) Format { return f.Encoding() | Format(w)<<windowShift }

// Encoding returns the format without its compression.
func (f Format) Encoding() Format { return f & (1<<windowShift - 1) }

// Window returns the window of its members, 0 without compression.
func (f Format) Window() deflate.Window { return deflate.Window(f >> windowShift) }
