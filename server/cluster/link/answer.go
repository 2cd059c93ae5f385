package link

import (
	"encoding/binary"
	"errors"
)

// Origin is the node of a request and its number. The zero Origin is this node, without a request.
type Origin struct {
	Edge   uint64 // of the node: see Edge
	Number uint64
}

// Answer is the result of a request that is not in the log.
type Answer struct {
	Number   uint64
	Applied  uint64 // number of the newest record that the owner had applied: the answer counts behind it
	Rejected bool
	Cause    uint8  // of a rejection
	Detail   string // of a rejection
	Offset   uint64 // of what was published before, else 0
	Epoch    string
}

// Result is what the log says about a request.
type Result struct {
	Number uint64
	Offset uint64 // of the publication, else 0
	Epoch  string
}

var errAnswer = errors.New("an answer of another node is malformed")

// AppendAnswer appends the encoding of an answer.
func AppendAnswer(b []byte, a *Answer) []byte {
	b = binary.AppendUvarint(b, a.Number)
	b = binary.AppendUvarint(b, a.Applied)
	rejected := byte(0)
	if a.Rejected {
		rejected = 1
	}
	b = append(b, rejected, a.Cause)
	b = binary.AppendUvarint(b, a.Offset)
	return appendText(appendText(b, a.Detail), a.Epoch)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// NextAnswer decodes the first answer of b, and returns the rest.
func NextAnswer(b []byte) (a Answer, rest []byte, err error) {
	r := reader{b: b}
	a.Number, a.Applied = r.number(), r.number()
	a.Rejected, a.Cause = r.byte() == 1, r.byte()
	a.Offset = r.number()
	a.Detail, a.Epoch = r.text(), r.text()
	if r.bad {
		return Answer{}, nil, errAnswer
	}
	return a, r.b, nil
}

// reader reads fields. After the first error all fields are zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) text() string {
	n := r.number()
	if r.bad || n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return ""
	}
	text := string(r.b[:n])
	r.b = r.b[n:]
	return text
}
