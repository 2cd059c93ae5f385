package httpstream

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// ID is the session of a connection, in the field of that name of the protocol. A client that knows it may send commands, so it is not logged.
type ID [aes.BlockSize]byte

// ParseID parses the text of an ID. ok is false if it is not one.
func ParseID(text string) (id ID, ok bool) {
	if len(text) != hex.EncodedLen(len(id)) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}

// String returns the ID in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IDs makes the IDs of one process: the place of a session and the number of its connection, encrypted as one block with a random key. So an
// ID takes no memory while its session exists, and only the process that made it can read it. Of the 2^128 IDs, one for each session is valid.
// Any goroutine may use it.
type IDs struct{ block cipher.Block }

// NewIDs returns IDs with a key of its own.
func NewIDs() IDs {
	key := make([]byte, 16)
	rand.Read(key) // never fails (crypto/rand)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(fmt.Sprintf("AES with a key of %d bytes: %v", len(key), err))
	}
	return IDs{block}
}

// Make returns the ID of a place and a connection.
func (ids IDs) Make(place uint32, conn uint64) (id ID) {
	binary.BigEndian.PutUint32(id[:], place)
	binary.BigEndian.PutUint64(id[8:], conn)
	ids.block.Encrypt(id[:], id[:])
	return id
}

// Read returns the place and the connection of an ID. For an ID that was not made by ids, ok is false or the two are random.
func (ids IDs) Read(id ID) (place uint32, conn uint64, ok bool) {
	ids.block.Decrypt(id[:], id[:])
	return binary.BigEndian.Uint32(id[:]), binary.BigEndian.Uint64(id[8:]), binary.BigEndian.Uint32(id[4:]) == 0
}
