// Package certs keeps the certificates of a TLS port: it reads them from files or gets them from a CA by ACME, chooses one by the server name of
// a client (SNI), and takes changed files without a restart. Store has no goroutine and no clock: the caller calls Check once a second, and
// on demand.
//
//	files     --> Check ----> a set of pairs, behind an atomic pointer --> GetCertificate, on any goroutine
//	CA (ACME) --> SetACME --/
//
// A pair that cannot be used (the key is another's, a file is missing) is rejected, and the one before it stays. So is a certificate that has
// expired, while the one before it has not. A certificate that is expired at the start is used: its clients decide, and other ports work.
package certs

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Warning is how long before its end a certificate is reported by Expiring.
const Warning = 14 * 24 * time.Hour

// Files are the two files of a pair, in PEM. Cert has the certificate, then its chain.
type Files struct {
	Cert, Key string
}

// Store has the pairs of a port. The first is that of clients without a server name, and of those whose name no pair has.
type Store struct {
	current atomic.Pointer[set]
	files   []Files  // constant
	domains []string // of ACME; constant

	// Owned by the caller of Check and SetACME.
	seen  [][2]stamp         // of each pair, at its last reading
	pairs []*tls.Certificate // of files
	acme  []*tls.Certificate // of domains; nil for those without a certificate
}

// set is what is in use. It is constant.
type set struct {
	pairs  []*tls.Certificate
	named  []string                      // what Expiring calls each of pairs: its file, or its domain
	byName map[string][]*tls.Certificate // lower case; "*.example.org" for a wildcard
}

// stamp is what changes with a file.
type stamp struct {
	info os.FileInfo // nil where there is no file
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{} // reading it says why
	}
	return stamp{info}
}

func (st stamp) same(other stamp) bool {
	if st.info == nil || other.info == nil {
		return st.info == other.info
	}
	return os.SameFile(st.info, other.info) && st.info.Size() == other.info.Size() && st.info.ModTime().Equal(other.info.ModTime())
}

// PairError is why a pair cannot be used.
type PairError struct {
	Pair int  // index in the files
	Key  bool // its key is wrong, not its certificate
	Err  error
}

// Error implements error.
func (e *PairError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *PairError) Unwrap() error { return e.Err }

// Open reads all pairs. It returns all pairs that cannot be used, joined: each error is a *PairError. domains are those for which SetACME is called
// later.
func Open(files []Files, domains []string) (*Store, error) {
	s := &Store{
		files: files, seen: make([][2]stamp, len(files)), pairs: make([]*tls.Certificate, len(files)),
		domains: domains, acme: make([]*tls.Certificate, len(domains)),
	}
	if len(files) == 0 && len(domains) == 0 {
		return nil, errors.New("TLS needs a certificate")
	}
	var errs []error
	for i := range files {
		var err error
		s.look(i)
		if s.pairs[i], err = read(files[i]); err != nil {
			errs = append(errs, &PairError{Pair: i, Key: isKeyError(files[i], err), Err: err})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.use()
	return s, nil
}

// Check reads the pairs whose files have changed since they were read, or with all every pair, and reports how many are new. The error says
// which pair was rejected and why: once for each change of its files, unless with all. Called by one goroutine at a time; it reads files.
func (s *Store) Check(all bool, now time.Time) (changed int, err error) {
	var errs []error
	for i := range s.files {
		if !s.look(i) && !all {
			continue
		}
		pair, err := s.readNewer(i, now)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.pairs[i] = pair
		changed++
	}
	if changed > 0 {
		s.use()
	}
	return changed, errors.Join(errs...)
}

// look says whether the files of a pair have changed since the last look. It comes before the reading: a change in between is read twice.
func (s *Store) look(i int) (changed bool) {
	now := [2]stamp{stampOf(s.files[i].Cert), stampOf(s.files[i].Key)}
	changed = !now[0].same(s.seen[i][0]) || !now[1].same(s.seen[i][1])
	s.seen[i] = now
	return changed
}

// readNewer reads a pair that is to replace the one in use. It rejects an expired one, unless the one in use has expired as well.
func (s *Store) readNewer(i int, now time.Time) (*tls.Certificate, error) {
	pair, err := read(s.files[i])
	if err != nil {
		return nil, err
	}
	if end := pair.Leaf.NotAfter; now.After(end) && !now.After(s.current.Load().pairs[i].Leaf.NotAfter) {
		return nil, fmt.Errorf("certificate %s has ended on %s: renew it", s.files[i].Cert, end.UTC().Format(time.DateTime))
	}
	return pair, nil
}

// CanReplace returns the error that Check would return for all pairs, and changes nothing. Any goroutine may call it; it reads files.
func (s *Store) CanReplace(now time.Time) error {
	var errs []error
	for i := range s.files {
		_, err := s.readNewer(i, now)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// errEncrypted is for a key with a passphrase.
var errEncrypted = errors.New("is encrypted, and throng has no passphrase")

// read makes a pair of its files.
func read(f Files) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil && isEncrypted(f.Key) {
		return nil, fmt.Errorf("certificate %s: key %s %w: decrypt it with openssl pkey -in %[2]s -out PLAIN.key", f.Cert, f.Key, errEncrypted)
	}
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	return &pair, nil
}

// isKeyError reports whether an error of read is about the file of the key.
func isKeyError(f Files, err error) bool {
	file := (*fs.PathError)(nil)
	return errors.Is(err, errEncrypted) || errors.As(err, &file) && file.Path == f.Key
}

// isEncrypted reports whether a key needs a passphrase.
func isEncrypted(key string) bool {
	text, err := os.ReadFile(key)
	return err == nil && (bytes.Contains(text, []byte("BEGIN ENCRYPTED PRIVATE KEY")) || bytes.Contains(text, []byte("Proc-Type: 4,ENCRYPTED")))
}

// SetACME puts the certificate of a domain into use. Called by the goroutine that calls Check.
func (s *Store) SetACME(domain string, pair *tls.Certificate) {
	if i := slices.Index(s.domains, domain); i >= 0 {
		s.acme[i] = pair
		s.use()
	}
}

// use puts the pairs into use, those of files first.
func (s *Store) use() {
	next := &set{byName: map[string][]*tls.Certificate{}}
	for i, pair := range s.pairs {
		next.pairs, next.named = append(next.pairs, pair), append(next.named, s.files[i].Cert)
	}
	for i, pair := range s.acme {
		if pair != nil {
			next.pairs, next.named = append(next.pairs, pair), append(next.named, s.domains[i])
		}
	}
	for _, pair := range next.pairs {
		for _, name := range pair.Leaf.DNSNames {
			name = strings.ToLower(name)
			next.byName[name] = append(next.byName[name], pair)
		}
	}
	s.current.Store(next)
}

// nameOf returns the server name of a hello as byName has it.
func nameOf(hello *tls.ClientHelloInfo) string {
	return strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
}

// GetCertificate chooses the pair of a client: one that has its server name, else one with the wildcard of the parent domain, else the first
// pair. It returns an error while the CA has not issued the certificate of the name, or if there is no pair at all. Of several pairs of a name it is the first whose key the client supports. Any goroutine may call it; it does not block.
func (s *Store) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	now := s.current.Load()
	name := nameOf(hello)
	pairs := now.byName[name]
	if _, parent, ok := strings.Cut(name, "."); ok && len(pairs) == 0 {
		pairs = now.byName["*."+parent]
	}
	switch {
	case len(pairs) > 0:
	case len(now.pairs) == 0, slices.Contains(s.domains, name):
		return nil, fmt.Errorf("no certificate for the server name %q yet", hello.ServerName)
	default:
		pairs = now.pairs[:1]
	}
	if len(pairs) > 1 {
		for _, pair := range pairs {
			if hello.SupportsCertificate(pair) == nil {
				return pair, nil
			}
		}
	}
	return pairs[0], nil
}

// NotAfter returns when the first of the certificates in use expires; the zero time if there is none. Any goroutine may call it.
func (s *Store) NotAfter() time.Time {
	var first time.Time
	for _, pair := range s.current.Load().pairs {
		if end := pair.Leaf.NotAfter; first.IsZero() || end.Before(first) {
			first = end
		}
	}
	return first
}

// Expiring is a certificate that expires soon.
type Expiring struct {
	Cert     string // its file, or its domain
	NotAfter time.Time
}

// Expiring returns the certificates in use that expire within Warning, or have expired. Called by the caller of Check.
func (s *Store) Expiring(now time.Time) (expiring []Expiring) {
	current := s.current.Load()
	for i, pair := range current.pairs {
		if end := pair.Leaf.NotAfter; end.Sub(now) < Warning {
			expiring = append(expiring, Expiring{current.named[i], end})
		}
	}
	return expiring
}
