package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// A message is one record of the content coding aes128gcm (RFC 8188), of at most 4,096 bytes: push services accept no more.
//
//	salt (16) | record size (4) | length of the key (1) | public key of the message (65) | AES-128-GCM of: payload, 0x02, zeros (+16)
const (
	recordSize = 4096
	saltBytes  = 16
	pointBytes = 65
	headBytes  = saltBytes + 4 + 1 + pointBytes
	tagBytes   = 16
	lastRecord = 0x02 // delimiter behind the payload of the last record

	// MaxPayload is the limit of a payload in bytes.
	MaxPayload = recordSize - headBytes - tagBytes - 1

	padding = 512 // payloads are padded to a multiple, so that a push service learns little from their length
)

// encrypt returns the body of a request: a payload that only the browser of sub can read. Each call uses a new key and a new salt.
func (sub *Subscription) encrypt(payload []byte) ([]byte, error) {
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("payload: %d bytes: at most %d are allowed", len(payload), MaxPayload)
	}
	browser, secret, err := sub.keys()
	if err != nil {
		return nil, err
	}
	own, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("create a key of P-256: %w", err)
	}
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	return seal(pad(payload), browser, own, secret, salt)
}

// pad returns a payload with its delimiter and zeros, up to a multiple of padding, or to the largest size.
func pad(payload []byte) []byte {
	size := min((len(payload)/padding+1)*padding, MaxPayload+1)
	padded := make([]byte, size)
	padded[copy(padded, payload)] = lastRecord
	return padded
}

// seal encrypts a padded payload (RFC 8291, section 3.4).
func seal(padded []byte, browser *ecdh.PublicKey, own *ecdh.PrivateKey, secret, salt []byte) ([]byte, error) {
	shared, err := own.ECDH(browser)
	if err != nil {
		return nil, fmt.Errorf("agree on a key: %w", err)
	}
	public := own.PublicKey().Bytes()
	gcm, nonce, err := deriveKeys(shared, secret, salt, browser.Bytes(), public)
	if err != nil {
		return nil, err
	}
	body := make([]byte, 0, headBytes+len(padded)+tagBytes)
	body = append(body, salt...)
	body = binary.BigEndian.AppendUint32(body, recordSize)
	body = append(body, byte(len(public)))
	body = append(body, public...)
	return gcm.Seal(body, nonce, padded, nil), nil
}

// deriveKeys returns the cipher and the nonce of a message.
func deriveKeys(shared, secret, salt, browser, own []byte) (cipher.AEAD, []byte, error) {
	input, err := hkdf.Key(sha256.New, shared, secret, "WebPush: info\x00"+string(browser)+string(own), sha256.Size)
	if err != nil {
		return nil, nil, fmt.Errorf("derive the keys: %w", err)
	}
	key, err := hkdf.Key(sha256.New, input, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, nil, fmt.Errorf("derive the key: %w", err)
	}
	nonce, err := hkdf.Key(sha256.New, input, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, nil, fmt.Errorf("derive the nonce: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, fmt.Errorf("start AES: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	return gcm, nonce, err
}
