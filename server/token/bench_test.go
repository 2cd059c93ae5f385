package token

import (
	"fmt"
	"testing"
)

func BenchmarkConnect(b *testing.B) {
	v := verifier(b, config())
	claims := object{"sub": "42", "exp": now.Unix() + 3600, "iat": now.Unix(), "info": object{"name": "Ünal"}}
	for _, algorithm := range []string{"HS256", "RS256", "ES256", "ES384", "ES512", "EdDSA"} {
		token := good(algorithm, claims)
		b.Run(algorithm, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Connect(token, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	// The cost of tokens from an unknown client.
	for _, algorithm := range []string{"HS256", "RS256", "ES256", "EdDSA"} {
		key := theirs().signer(algorithm, "another")
		for _, size := range []int{0, 2800} {
			token := signed(algorithm, key, nil, object{"sub": "42", "pad": string(make([]byte, size/6))})
			b.Run(fmt.Sprintf("forged/%s/%d", algorithm, len(token)), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := v.Connect(token, now); err == nil {
						b.Fatal("accepted")
					}
				}
			})
		}
	}
}
