package tlsrec

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	nonceLen = 12
	tagLen   = 16
)

// suite is a cipher suite: its number in the IANA registry, and what the record layer has to know of it.
type suite struct {
	id       uint16
	version  uint16
	keyLen   int
	fixedIV  int // bytes of the IV that come from the handshake
	explicit int // bytes of the nonce that each record carries
	hash     func() hash.Hash
	aead     func(key []byte) cipher.AEAD
	gcm      bool // its object is large, and its key serves for a limited number of records
}

func (s *suite) is13() bool { return s.version == tls.VersionTLS13 }

var suites = [...]suite{
	{tls.TLS_AES_128_GCM_SHA256, tls.VersionTLS13, 16, 12, 0, sha256.New, newGCM, true},
	{tls.TLS_AES_256_GCM_SHA384, tls.VersionTLS13, 32, 12, 0, sha512.New384, newGCM, true},
	{tls.TLS_CHACHA20_POLY1305_SHA256, tls.VersionTLS13, 32, 12, 0, sha256.New, newChaCha, false},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.VersionTLS12, 16, 4, 8, sha256.New, newGCM, true},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.VersionTLS12, 16, 4, 8, sha256.New, newGCM, true},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.VersionTLS12, 32, 4, 8, sha512.New384, newGCM, true},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.VersionTLS12, 32, 4, 8, sha512.New384, newGCM, true},
	{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.VersionTLS12, 32, 12, 0, sha256.New, newChaCha, false},
	{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.VersionTLS12, 32, 12, 0, sha256.New, newChaCha, false},
}

// Suites12 are the cipher suites of TLS 1.2 that a handshake may agree on. Those of TLS 1.3 are not configurable.
func Suites12() (ids []uint16) {
	for _, s := range suites {
		if s.version == tls.VersionTLS12 {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// suiteOf is the index of a cipher suite in suites, -1 for one that the package does not have.
func suiteOf(version, id uint16) int {
	for i := range suites {
		if suites[i].id == id && suites[i].version == version {
			return i
		}
	}
	return -1
}

// newGCM panics for a key of a wrong length, which New does not let through.
func newGCM(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// newChaCha panics as newGCM does.
func newChaCha(key []byte) cipher.AEAD {
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		panic(err)
	}
	return aead
}

// expandLabel is HKDF-Expand-Label of RFC 8446, 7.1, with an empty context. n is 255 at most.
func expandLabel(h func() hash.Hash, secret []byte, label string, n int) []byte {
	const prefix = "tls13 "
	info := make([]byte, 0, 4+len(prefix)+len(label))
	info = binary.BigEndian.AppendUint16(info, uint16(n))
	info = append(info, byte(len(prefix)+len(label)))
	info = append(info, prefix...)
	info = append(info, label...)
	info = append(info, 0)
	out, err := hkdf.Expand(h, secret, string(info), n)
	if err != nil {
		panic(err) // n is a constant of a suite
	}
	return out
}

// prf12 is the PRF of RFC 5246, 5: n bytes.
func prf12(h func() hash.Hash, secret []byte, label string, seed []byte, n int) []byte {
	seed = append([]byte(label), seed...)
	mac := hmac.New(h, secret)
	sum := func(parts ...[]byte) []byte {
		mac.Reset()
		for _, p := range parts {
			mac.Write(p)
		}
		return mac.Sum(nil)
	}
	var out []byte
	for a := sum(seed); len(out) < n; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:n]
}
