package importing

import (
	"errors"
	"fmt"
	"io"
)

// Limits of an export. They bound memory and disk before the content is known.
const (
	MaxLine           = 16 << 20 // bytes of a line of Mattermost: a post with its replies
	MaxElement        = 8 << 20  // bytes of an element of a list of Slack: one message, user or channel
	MaxUsers          = 1 << 20
	MaxRooms          = 1 << 20
	MaxThreads        = 1 << 20  // of one channel of Slack
	MaxArchiveEntries = 1 << 20  // of a ZIP archive
	MaxText           = 64 << 10 // bytes of the text of a message; a longer message is skipped

	// MaxRatio and FreeBytes bound the content of a ZIP archive: FreeBytes, and MaxRatio times its size. Exports are compressed by 10 to 30.
	MaxRatio  = 100
	FreeBytes = 64 << 20

	maxName      = 255 // bytes of a user, a title or the name of a person; longer titles and names are cut
	maxTopic     = 1 << 10
	MaxMentions  = 50
	MaxEmojis    = 20     // different ones of a message
	MaxReactions = 10_000 // of a message
	MaxFiles     = 20     // names of files that a message keeps
	maxReasons   = 100    // different reasons in a report
)

var errTooMuch = errors.New("decompresses to more than allowed")

// allowance is the number of bytes that may still be read from an archive.
type allowance struct {
	left int64
	size int64 // of the archive
}

func newAllowance(size int64) *allowance {
	return &allowance{left: FreeBytes + MaxRatio*size, size: size}
}

// reader returns a reader of r that uses up the allowance; nil has no limit.
func (al *allowance) reader(r io.Reader) io.Reader {
	if al == nil {
		return r
	}
	return &allowedReader{in: r, of: al}
}

type allowedReader struct {
	in io.Reader
	of *allowance
}

func (rd *allowedReader) Read(p []byte) (int, error) {
	n, err := rd.in.Read(p)
	if rd.of.left -= int64(n); rd.of.left < 0 {
		return 0, fmt.Errorf("%w: the archive has %d bytes, and at most %d times as many and %d are read: extract it, and import the directory",
			errTooMuch, rd.of.size, MaxRatio, FreeBytes)
	}
	return n, err
}

// elementReader fails if more than MaxElement bytes are read between two calls of begin. A JSON decoder reads ahead by less than it has read, so
// it needs at most twice that memory.
type elementReader struct {
	in   io.Reader
	left int
}

func (er *elementReader) begin() { er.left = MaxElement }

func (er *elementReader) Read(p []byte) (int, error) {
	if er.left <= 0 {
		return 0, fmt.Errorf("an element has more than %d bytes", MaxElement)
	}
	n, err := er.in.Read(p[:min(len(p), er.left)])
	er.left -= n
	return n, err
}
