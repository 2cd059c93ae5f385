package tlsrec

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	headerLen = 5

	// MaxPlaintext is the number of bytes of application data in one record, at most.
	MaxPlaintext = 16 << 10

	// maxCiphertext is the length that the header of a record may give. TLS 1.2 allows 2 KiB above MaxPlaintext instead of 256 bytes, but
	// none of our suites adds more than 24.
	maxCiphertext = MaxPlaintext + 256

	maxTickets = 4 // that a handshake sends; crypto/tls and llib send one

	// MaxOverhead is the number of bytes that sealing adds to the data of one record, at most.
	MaxOverhead = headerLen + 8 + tagLen
)

// The content types of records.
const (
	typeChangeCipherSpec = 20
	typeAlert            = 21
	typeHandshake        = 22
	typeData             = 23
)

// Keys are the secrets of a complete handshake, and how many records have been sealed with them.
type Keys struct {
	Version uint16 // tls.VersionTLS13 or tls.VersionTLS12
	Suite   uint16

	// TLS 1.3: the application traffic secrets 0 (RFC 8446, 7.1).
	ClientSecret, ServerSecret []byte

	// TLS 1.2.
	Master, ClientRandom, ServerRandom []byte

	// The sequence number of the next record in each direction. In TLS 1.2 the Finished message has used number 0. In TLS 1.3 each record
	// with a session ticket has used one of the server's.
	ClientSeq, ServerSeq uint64
}

// Conn is both directions of a connection.
type Conn struct {
	In  In  // owned by the goroutine that reads
	Out Out // owned by the goroutine that writes
}

// New makes the record layer of one side, and copies what it needs of k. An error says which field of k is not usable.
func New(k *Keys, client bool) (*Conn, error) {
	at := suiteOf(k.Version, k.Suite)
	if at < 0 {
		return nil, fmt.Errorf("TLS version %#04x with cipher suite %#04x is not supported", k.Version, k.Suite)
	}
	c := &Conn{}
	fromClient, fromServer := &c.In.half, &c.Out.half
	if client {
		fromClient, fromServer = fromServer, fromClient
	}
	c.In.fromServer = client
	fromClient.suite, fromClient.seq = uint8(at), k.ClientSeq
	fromServer.suite, fromServer.seq = uint8(at), k.ServerSeq
	if fromClient.is13() {
		return c, errors.Join(fromClient.begin("ClientSecret", k.ClientSecret), fromServer.begin("ServerSecret", k.ServerSecret))
	}
	return c, c.expand12(k, fromClient, fromServer)
}

// expand12 sets the keys of TLS 1.2 (RFC 5246, 6.3).
func (c *Conn) expand12(k *Keys, fromClient, fromServer *half) error {
	if len(k.Master) != 48 || len(k.ClientRandom) != 32 || len(k.ServerRandom) != 32 {
		return fmt.Errorf("master secret, client random and server random have %d, %d and %d bytes: want 48, 32 and 32",
			len(k.Master), len(k.ClientRandom), len(k.ServerRandom))
	}
	s := fromClient.params()
	seed := append(append([]byte(nil), k.ServerRandom...), k.ClientRandom...)
	block := prf12(s.hash, k.Master, "key expansion", seed, 2*(s.keyLen+s.fixedIV))
	next := func(to []byte, n int) {
		copy(to, block[:n])
		block = block[n:]
	}
	next(fromClient.key[:], s.keyLen)
	next(fromServer.key[:], s.keyLen)
	next(fromClient.iv[:], s.fixedIV)
	next(fromServer.iv[:], s.fixedIV)
	return nil
}

// half is one direction.
type half struct {
	aead  cipher.AEAD // nil until it is needed, and while parked
	seq   uint64      // of the next record
	iv    [nonceLen]byte
	suite uint8 // index in suites
	ended bool  // no record may follow
	key   [32]byte

	// TLS 1.3: the traffic secret, of which the next one is made. TLS 1.2: room for the additional data of a record, which would be
	// allocated on each call of the AEAD otherwise.
	secret [48]byte
}

func (h *half) params() *suite { return &suites[h.suite] }

func (h *half) is13() bool { return h.params().is13() }

// begin sets the first secret of TLS 1.3.
func (h *half) begin(name string, secret []byte) error {
	if want := h.params().hash().Size(); len(secret) != want {
		return fmt.Errorf("%s has %d bytes: want %d", name, len(secret), want)
	}
	copy(h.secret[:], secret)
	h.derive()
	return nil
}

// derive makes key and IV of the secret (RFC 8446, 7.3).
func (h *half) derive() {
	s := h.params()
	secret := h.secret[:s.hash().Size()]
	copy(h.key[:], expandLabel(s.hash, secret, "key", s.keyLen))
	copy(h.iv[:], expandLabel(s.hash, secret, "iv", nonceLen))
	h.aead = nil
}

// update changes to the next secret of TLS 1.3 (RFC 8446, 7.2).
func (h *half) update() {
	s := h.params()
	n := s.hash().Size()
	copy(h.secret[:], expandLabel(s.hash, h.secret[:n], "traffic upd", n))
	h.derive()
	h.seq = 0
}

// cipher returns the AEAD. It makes the AEAD of the key if there is none.
func (h *half) cipher() cipher.AEAD {
	if h.aead == nil {
		s := h.params()
		h.aead = s.aead(h.key[:s.keyLen])
	}
	return h.aead
}

// Park releases the AEAD of a direction that is not expected to be used soon, where that saves memory: 1.2 KB for AES-GCM, nothing for
// ChaCha20-Poly1305. The next record makes it again, which takes less than a microsecond.
func (h *half) Park() {
	if h.params().gcm {
		h.aead = nil
	}
}

// mask turns the IV into the nonce of a record, and the nonce back into the IV. n is the sequence number, or the explicit nonce of the record.
func (h *half) mask(n uint64) {
	binary.BigEndian.PutUint64(h.iv[4:], binary.BigEndian.Uint64(h.iv[4:])^n)
}

// data12 is the additional data of a record of TLS 1.2 with n bytes of plaintext (RFC 5246, 6.2.3.3).
func (h *half) data12(typ byte, n int) []byte {
	b := h.secret[:13]
	binary.BigEndian.PutUint64(b, h.seq)
	b[8], b[9], b[10], b[11], b[12] = typ, 3, 3, byte(n>>8), byte(n)
	return b
}

// CountSealed is the number of records that a server of TLS 1.3 has sealed with k.ServerSecret during the handshake, when record, whole, is
// the last that it has sent: session tickets of one record each. k.ServerSeq is not used.
func CountSealed(k *Keys, record []byte) (uint64, error) {
	at := suiteOf(k.Version, k.Suite)
	if at < 0 || !suites[at].is13() {
		return 0, fmt.Errorf("TLS version %#04x with cipher suite %#04x is not one of TLS 1.3", k.Version, k.Suite)
	}
	h := half{suite: uint8(at)}
	if err := h.begin("ServerSecret", k.ServerSecret); err != nil || len(record) < headerLen {
		return 0, err
	}
	for ; h.seq < maxTickets; h.seq++ {
		h.mask(h.seq)
		_, err := h.cipher().Open(nil, h.iv[:], record[headerLen:], record[:headerLen])
		h.mask(h.seq)
		if err == nil {
			return h.seq + 1, nil
		}
	}
	return 0, nil
}
