package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// clientID returns the public ID of a connection. It is unique over all processes, and does not reveal the number of connections.
func clientID(prefix string, id uint64) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(prefix), id))
	return hex.EncodeToString(sum[:16])
}

// RandomID returns random bytes in hexadecimal.
func RandomID(bytes int) string {
	word := make([]byte, bytes)
	rand.Read(word) // never fails (crypto/rand)
	return hex.EncodeToString(word)
}
