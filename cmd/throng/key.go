package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/throng-chat/throng/server/webpush"
)

// keyCmd is the commands that make keys. Standard output has the key alone, and standard error where it belongs.
type keyCmd struct {
	Secret  secretKeyCmd  `cmd:"" help:"Print a secret for tokens (hmac-secret)."`
	API     apiKeyCmd     `cmd:"" name:"api" help:"Print a key of the server API."`
	Webhook webhookKeyCmd `cmd:"" help:"Print a secret for the signatures of webhooks."`
	VAPID   vapidKeyCmd   `cmd:"" name:"vapid" help:"Print a private key for Web Push (VAPID)."`
	Ed25519 ed25519KeyCmd `cmd:"" name:"ed25519" help:"Make a pair of keys for tokens of EdDSA."`
	ECDSA   ecdsaKeyCmd   `cmd:"" name:"ecdsa" help:"Make a pair of keys for tokens of ES256, ES384 or ES512."`
	RSA     rsaKeyCmd     `cmd:"" name:"rsa" help:"Make a pair of keys for tokens of RS256, RS384 or RS512."`
}

type secretKeyCmd struct{}
type apiKeyCmd struct{}
type webhookKeyCmd struct{}
type vapidKeyCmd struct{}

// randomBytes returns bytes of the system's generator, which never fails.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	return b
}

func newHexSecret() string { return hex.EncodeToString(randomBytes(32)) }

// print prints a key, and where it belongs.
func printKey(std *streams, key, place string, args ...any) error {
	_, err := fmt.Fprintln(std.out, key)
	return errors.Join(err, std.note(place, args...))
}

func (secretKeyCmd) Run(std *streams) error {
	return printKey(std, newHexSecret(), "set it as THRONG_TOKEN_HMAC_SECRET, or as hmac-secret under [token], and give it to your backend")
}

func (apiKeyCmd) Run(std *streams) error {
	return printKey(std, newHexSecret(), "set it as THRONG_API_KEY, or as key under [api] or [[api.keys]]")
}

func (webhookKeyCmd) Run(std *streams) error {
	return printKey(std, "whsec_"+base64.StdEncoding.EncodeToString(randomBytes(32)), "set it as THRONG_WEBHOOK_SECRET, or as secret under [webhooks], and give it to your backend")
}

func (vapidKeyCmd) Run(std *streams) error {
	k, err := webpush.NewKeys()
	if err != nil {
		return err
	}
	return printKey(std, k.Private(), "set it as THRONG_WEB_PUSH_PRIVATE_KEY, or as private-key under [web-push]; its public key is %s", k.Public())
}

// pairOut is where a pair of keys goes.
type pairOut struct {
	Out string `type:"path" placeholder:"NAME" help:"Write the private key to NAME.key and the public key to NAME.pub, which must not exist. Without it, print both."`
}

type ed25519KeyCmd struct{ pairOut }

type ecdsaKeyCmd struct {
	pairOut
	Curve string `default:"P-256" enum:"P-256,P-384,P-521" help:"Curve: P-256 (ES256), P-384 (ES384) or P-521 (ES512)."`
}

type rsaKeyCmd struct {
	pairOut
	Bits int `default:"2048" help:"Length of the key: 2048 to 8192 bits."`
}

func (ek *ed25519KeyCmd) Run(std *streams) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	return ek.write(std, private)
}

func (ck *ecdsaKeyCmd) Run(std *streams) error {
	curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[ck.Curve]
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return err
	}
	return ck.write(std, private)
}

func (rk *rsaKeyCmd) Run(std *streams) error {
	if rk.Bits < 2048 || rk.Bits > 8192 {
		return &exitError{code: exitUsage, err: fmt.Errorf("bits = %d: must be 2048 to 8192", rk.Bits)}
	}
	private, err := rsa.GenerateKey(rand.Reader, rk.Bits)
	if err != nil {
		return err
	}
	return rk.write(std, private)
}

// write prints a pair of keys, or writes it to two files.
func (po *pairOut) write(std *streams, private crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	secret := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	public, err := publicPEM(private.Public())
	if err != nil {
		return err
	}
	const place = "keep the private key where tokens are signed (throng token make --private-key), and list the file of the public key in public-keys under [token]"
	if po.Out == "" {
		_, err := fmt.Fprint(std.out, secret, public)
		return errors.Join(err, std.note(place))
	}
	if err := createFile(po.Out+".key", secret, 0o600); err != nil {
		return err
	}
	if err := createFile(po.Out+".pub", public, 0o644); err != nil {
		return err
	}
	return std.note("wrote %[1]s.key and %[1]s.pub: "+place, po.Out)
}

// publicPEM returns a public key as public-keys takes it.
func publicPEM(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), err
}

// createFile writes a file that must not exist. A file that it could not write completely is removed.
func createFile(name, text string, mode os.FileMode) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}
