package tlsrec

import (
	"encoding/binary"
	"slices"
)

const (
	// RekeyAfter is the number of records that one AES-GCM key of TLS 1.3 seals, at most: a KeyUpdate follows (RFC 8446, 5.5: 2^24.5 records
	// of 16 KiB).
	RekeyAfter = 1 << 24

	// maxRecords12 is the number of records that a key of TLS 1.2 seals, at most: a connection that gets 1,000 records a second ends after
	// 49 days. TLS 1.2 cannot change a key without renegotiation.
	maxRecords12 = 1 << 32
)

// Out seals records for the peer. It has one owner.
type Out struct {
	half
}

// Seal appends to dst the records that carry b, each with MaxPlaintext bytes at most, and returns dst. It allocates only where the capacity
// of dst is less than SealedLen(len(b)) more. b must not overlap dst. The caller must send the result of Seal, whole and once. It fails after
// Close, and where the key of TLS 1.2 is exhausted; then it appends nothing.
func (o *Out) Seal(dst, b []byte) ([]byte, error) {
	if o.ended {
		return dst, errEnded
	}
	if !o.is13() && o.seq+uint64(len(b)/MaxPlaintext+1) > maxRecords12 {
		return dst, errExhausted
	}
	for len(b) > 0 {
		if o.seq >= RekeyAfter && o.is13() && o.params().gcm {
			dst = o.KeyUpdate(dst)
		}
		n := min(len(b), MaxPlaintext)
		dst = o.seal(dst, typeData, b[:n])
		b = b[n:]
	}
	return dst, nil
}

// SealedLen is the number of bytes that Seal makes of n, at most.
func SealedLen(n int) int {
	records := (n + MaxPlaintext - 1) / MaxPlaintext
	return n + (records+1)*MaxOverhead // one more for a KeyUpdate
}

// KeyUpdate appends a KeyUpdate to dst, which does not request one in return, and changes to the next key. It appends nothing in TLS 1.2, and
// after Close.
func (o *Out) KeyUpdate(dst []byte) []byte {
	if o.ended || !o.is13() {
		return dst
	}
	dst = o.seal(dst, typeHandshake, []byte{keyUpdate, 0, 0, 1, 0})
	o.update()
	return dst
}

// Close appends the alert that ends the direction: for a nil error close_notify, for an *Error of In its alert, for another error
// internal_error. It appends nothing where the direction has ended, or where the peer has sent a fatal alert.
func (o *Out) Close(dst []byte, cause error) []byte {
	if o.ended {
		return dst
	}
	level, alert := byte(levelFatal), alertInternalError
	switch e, ours := cause.(*Error); {
	case cause == nil:
		level, alert = levelWarning, alertCloseNotify
	case ours && e.Received:
		o.ended = true
		return dst
	case ours:
		alert = e.Alert
	}
	dst = o.seal(dst, typeAlert, []byte{level, byte(alert)})
	o.ended = true
	return dst
}

// seal appends one record.
func (o *Out) seal(dst []byte, typ byte, b []byte) []byte {
	dst = slices.Grow(dst, len(b)+MaxOverhead)
	if o.is13() {
		dst = o.seal13(dst, typ, b)
	} else {
		dst = o.seal12(dst, typ, b)
	}
	o.seq++
	return dst
}

func (o *Out) seal13(dst []byte, typ byte, b []byte) []byte {
	n := len(b) + 1 + tagLen
	at := len(dst)
	dst = append(dst, typeData, 3, 3, byte(n>>8), byte(n))
	header, body := dst[at:], len(dst)
	dst = append(dst, b...)
	dst = append(dst, typ)
	o.mask(o.seq)
	dst = o.cipher().Seal(dst[:body], o.iv[:], dst[body:], header)
	o.mask(o.seq)
	return dst
}

func (o *Out) seal12(dst []byte, typ byte, b []byte) []byte {
	explicit := o.params().explicit
	n := explicit + len(b) + tagLen
	dst = append(dst, typ, 3, 3, byte(n>>8), byte(n))
	if explicit > 0 {
		dst = binary.BigEndian.AppendUint64(dst, o.seq)
	}
	o.mask(o.seq)
	dst = o.cipher().Seal(dst, o.iv[:], b, o.data12(typ, len(b)))
	o.mask(o.seq)
	return dst
}
