package tlsrec

import (
	"bytes"
	"encoding/binary"
	"math"
)

const (
	// MaxUseless is the number of records in a row without application data, at most.
	MaxUseless = 16

	// MaxUpdates is the number of KeyUpdates of the peer, at most, that application data has not paid for: RecordsPerUpdate records with
	// data pay for one. A KeyUpdate costs several µs, and often an answer.
	MaxUpdates       = 16
	RecordsPerUpdate = 64
)

// Kind is what a record was.
type Kind uint8

// The kinds of records.
const (
	More            Kind = iota // no whole record is there: In has taken all bytes
	Data                        // application data
	Ignored                     // nothing for the caller
	UpdateRequested             // the peer wants Out.KeyUpdate to be called; several requests may have one answer
	Closed                      // close_notify: the peer sends nothing more
)

// Record is a record of the peer.
type Record struct {
	Kind Kind
	Data []byte // of Kind Data: not empty. On loan until the next call of Open
}

// In opens the records of the peer. It has one owner.
type In struct {
	half
	fromServer bool  // the peer is the server
	taken      bool  // held is a record that has been opened
	useless    uint8 // records in a row without application data
	updates    uint8 // KeyUpdates that are not paid for
	paid       uint8 // records with data towards the next payment

	// The handshake message that is being read.
	got     uint8
	message [5]byte // its first bytes: a whole KeyUpdate
	skip    uint32  // bytes of a session ticket that are to come

	held *[]byte // the bytes of an incomplete record; nil for none, which is nearly always
}

// Open opens the first record of src, in place, and returns the bytes after it. Call it until the kind is More: then all bytes
// of src have been used, and the part of an incomplete record has been copied. An error is an *Error, and ends the direction.
func (in *In) Open(src []byte) (r Record, rest []byte, err error) {
	if in.ended {
		return Record{}, nil, errEnded
	}
	record, rest, err := in.take(src)
	if err == nil && record != nil {
		r, err = in.open(record)
	}
	if err != nil || r.Kind == Closed {
		in.ended = true
	}
	if err != nil {
		in.held = nil
		return Record{}, nil, err
	}
	return r, rest, nil
}

// Held is the number of bytes of memory that an incomplete record takes.
func (in *In) Held() int {
	if in.held == nil {
		return 0
	}
	return cap(*in.held)
}

// Need is the number of bytes that complete the header or the record of which In holds a part: a caller that reads no more than that gets
// one record at a time. 0 where it holds none.
func (in *In) Need() int {
	if in.taken || in.held == nil {
		return 0
	}
	if n, err := in.size(*in.held); err == nil && n > 0 {
		return n - len(*in.held)
	}
	return headerLen - len(*in.held)
}

// take returns the first whole record and the bytes after it, or nil. It holds the bytes of an incomplete record.
func (in *In) take(src []byte) (record, rest []byte, err error) {
	if in.taken {
		in.held, in.taken = nil, false
	}
	if in.held == nil {
		n, err := in.size(src)
		if err != nil {
			return nil, nil, err
		}
		if n > 0 && len(src) >= n {
			return src[:n], src[n:], nil
		}
		if len(src) > 0 {
			held := bytes.Clone(src)
			in.held = &held
		}
		return nil, nil, nil
	}
	for held := in.held; ; {
		n, err := in.size(*held)
		if err != nil {
			return nil, nil, err
		}
		if n > 0 && len(*held) == n {
			in.taken = true
			return *held, src, nil
		}
		if len(src) == 0 {
			return nil, nil, nil
		}
		if n == 0 {
			n = headerLen
		}
		n = min(n-len(*held), len(src))
		*held = append(*held, src[:n]...)
		src = src[n:]
	}
}

// size is the length of the record that b begins with, 0 while its header is incomplete.
func (in *In) size(b []byte) (int, error) {
	if len(b) < headerLen {
		return 0, nil
	}
	switch n := int(b[3])<<8 | int(b[4]); {
	case b[1] != 3 || b[2] != 3:
		return 0, errVersion
	case n > maxCiphertext:
		return 0, errOverflow
	default:
		return headerLen + n, nil
	}
}

// open decrypts one whole record.
func (in *In) open(record []byte) (Record, error) {
	if in.seq == math.MaxUint64 {
		return Record{}, errExhausted
	}
	typ, plain, err := in.decrypt(record)
	if err != nil {
		return Record{}, err
	}
	in.seq++
	if typ != typeHandshake && (in.got > 0 || in.skip > 0) {
		return Record{}, errInterleaved
	}
	if typ == typeData && len(plain) > 0 {
		in.pay()
		return Record{Data, plain}, nil
	}
	if in.useless++; in.useless > MaxUseless {
		return Record{}, errUseless
	}
	switch typ {
	case typeData:
		return Record{Kind: Ignored}, nil
	case typeAlert:
		return in.alert(plain)
	case typeHandshake:
		return in.handshake(plain)
	default:
		return Record{}, errContentType
	}
}

// pay counts a record with application data.
func (in *In) pay() {
	in.useless = 0
	if in.updates == 0 {
		return
	}
	if in.paid++; in.paid == RecordsPerUpdate {
		in.paid = 0
		in.updates--
	}
}

// decrypt authenticates a record and returns its content type and its plaintext, in place.
func (in *In) decrypt(record []byte) (typ byte, plain []byte, err error) {
	if in.is13() {
		return in.decrypt13(record)
	}
	return in.decrypt12(record)
}

func (in *In) decrypt13(record []byte) (typ byte, plain []byte, err error) {
	if record[0] != typeData {
		return 0, nil, errContentType // a change_cipher_spec too: it is allowed before the peer's Finished only
	}
	header, body := record[:headerLen], record[headerLen:]
	in.mask(in.seq)
	plain, err = in.cipher().Open(body[:0], in.iv[:], body, header)
	in.mask(in.seq)
	if err != nil {
		return 0, nil, errBadMAC
	}
	if len(plain) > MaxPlaintext+1 {
		return 0, nil, errOverflow
	}
	for i := len(plain) - 1; i >= 0; i-- {
		if plain[i] != 0 {
			if typ, plain = plain[i], plain[:i]; typ == typeHandshake && i == 0 {
				return 0, nil, errEmptyHandshake
			}
			return typ, plain, nil
		}
	}
	return 0, nil, errNoContentType
}

func (in *In) decrypt12(record []byte) (typ byte, plain []byte, err error) {
	s := in.params()
	body := record[headerLen:]
	n := len(body) - s.explicit - tagLen
	if n < 0 {
		return 0, nil, errBadMAC
	}
	nonce := in.seq
	if s.explicit > 0 {
		nonce = binary.BigEndian.Uint64(body)
		body = body[s.explicit:]
	}
	typ = record[0]
	in.mask(nonce)
	plain, err = in.cipher().Open(body[:0], in.iv[:], body, in.data12(typ, n))
	in.mask(nonce)
	if err != nil {
		return 0, nil, errBadMAC
	}
	if len(plain) > MaxPlaintext {
		return 0, nil, errOverflow
	}
	return typ, plain, nil
}
