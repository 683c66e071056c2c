// Package token signs what mxdesk puts into outgoing mail so that the answer
// can be trusted to come from the person it went to: the reply address
// (support+2139.TOKEN@), the Message-ID and the return path.
//
// A token is lower-case base32, because local parts are lowered on the way. It
// carries a key number, the audience of the mail, a hash of the recipient's
// address and 80 bits of HMAC-SHA256 over these and the ticket. Nobody without
// the key can make one for another ticket, person or audience.
package token

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

const (
	personSize = 5  // 40 bits: tells the recipients of one ticket apart
	macSize    = 10 // 80 bits
	secretSize = 32
)

// What a token is for; signed, so that one kind never passes as another.
const (
	forReply   = 'r'
	forMessage = 'm'
	forBounce  = 'b'
)

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ErrInvalid: the text has the form of a token and was not signed by us.
var ErrInvalid = errors.New("signature does not match")

// errForm: the text is no token at all.
var errForm = errors.New("not a token")

// IsForm reports whether err says that the text was no token at all, rather
// than a false one.
func IsForm(err error) bool { return errors.Is(err, errForm) }

// Person is a hash of an address, as tokens carry it.
type Person [personSize]byte

// PersonOf hashes an address.
func PersonOf(a address.Address) Person {
	sum := sha256.Sum256([]byte(a.Key()))
	return Person(sum[:personSize])
}

// Claim is what a valid token says.
type Claim struct {
	Ticket   ticketstore.TicketID
	Item     ticketstore.ItemID // in Message-IDs and return paths
	Person   Person             // not in return paths
	Audience ticketstore.Audience
	// Agent marks a mail that went to an agent: Audience is then the party that
	// the agent's answer is for.
	Agent bool
}

// flags packs Audience and Agent into one octet.
func (c Claim) flags() byte {
	switch {
	case c.Audience == "":
		return 0
	case c.Agent:
		return c.Audience[0] - 'a' + 'A'
	}
	return c.Audience[0]
}

// setFlags reads what flags wrote; false when the octet means nothing.
func (c *Claim) setFlags(b byte) bool {
	for _, aud := range []ticketstore.Audience{ticketstore.AudienceUser, ticketstore.AudienceSupplier, ticketstore.AudienceAgent} {
		for _, agent := range []bool{false, true} {
			c.Audience, c.Agent = aud, agent
			if c.flags() == b {
				return true
			}
		}
	}
	return false
}

// IssuedTo reports whether the token was made for this address.
func (c Claim) IssuedTo(a address.Address) bool { return !a.IsZero() && c.Person == PersonOf(a) }

// Keyring holds the keys: the first signs, all verify.
type Keyring struct {
	keys []key
}

type key struct {
	ID     byte   `json:"id"`
	Secret []byte `json:"secret"`
}

type keyFile struct {
	Keys []key `json:"keys"`
}

// New makes a keyring with one fresh key.
func New() *Keyring {
	secret := make([]byte, secretSize)
	rand.Read(secret)
	return &Keyring{keys: []key{{ID: 1, Secret: secret}}}
}

// Load reads the keyring from a file and makes the file, with mode 0600, when
// there is none. Losing it makes every token in mail already sent invalid:
// answers are then matched by their subject alone. An empty file counts as
// missing: it is how a person says that the old keys are gone for good.
func Load(path string) (*Keyring, error) {
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the signing keys: %w", err)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		k := New()
		return k, k.save(path)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others: run chmod 600 on it", path)
	}
	var f keyFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fmt.Errorf("%s is damaged; restore it from a backup", path)
	}
	for _, k := range f.Keys {
		if len(k.Secret) < secretSize {
			return nil, fmt.Errorf("%s: key %d is too short", path, k.ID)
		}
	}
	if len(f.Keys) == 0 {
		return nil, fmt.Errorf("%s holds no key", path)
	}
	return &Keyring{keys: f.Keys}, nil
}

func (k *Keyring) save(path string) error {
	raw, err := json.Marshal(keyFile{Keys: k.keys})
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // mode 0600
	if err != nil {
		return fmt.Errorf("making the signing keys: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(raw)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("making the signing keys: %w", err)
	}
	if err := errors.Join(os.Rename(tmp.Name(), path), syncFolder(filepath.Dir(path))); err != nil {
		return fmt.Errorf("making the signing keys: %w", err)
	}
	return nil
}

// syncFolder makes a new name in a folder outlast a power cut.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Reply is the detail of a signed reply address, "2139.TOKEN". It uses the
// claim's ticket, person, audience and agent mark.
func (k *Keyring) Reply(c Claim) string {
	c.Item = 0
	return fmt.Sprintf("%d.%s", uint64(c.Ticket), k.person(forReply, c))
}

// Message is the left side of a signed Message-ID, "2139.77.TOKEN".
func (k *Keyring) Message(c Claim) string {
	return fmt.Sprintf("%d.%d.%s", uint64(c.Ticket), c.Item, k.person(forMessage, c))
}

// Bounce is the detail of a signed return path, "b2139.77.TOKEN". It uses the
// claim's ticket and item.
func (k *Keyring) Bounce(c Claim) string {
	c = Claim{Ticket: c.Ticket, Item: c.Item}
	first := k.keys[0]
	mac := first.mac(forBounce, c)
	return fmt.Sprintf("b%d.%d.%s", uint64(c.Ticket), c.Item, encoding.EncodeToString(append([]byte{first.ID}, mac...)))
}

// ParseReply reads the detail of a reply address.
func (k *Keyring) ParseReply(detail string) (Claim, error) {
	f := strings.Split(strings.ToLower(detail), ".")
	if len(f) != 2 {
		return Claim{}, errForm
	}
	return k.parsePerson(forReply, f[0], "0", f[1])
}

// ParseMessage reads a Message-ID, with or without its domain.
func (k *Keyring) ParseMessage(id string) (Claim, error) {
	left, _, _ := strings.Cut(strings.ToLower(id), "@")
	f := strings.Split(left, ".")
	if len(f) != 3 {
		return Claim{}, errForm
	}
	return k.parsePerson(forMessage, f[0], f[1], f[2])
}

// ParseBounce reads the detail of a return path.
func (k *Keyring) ParseBounce(detail string) (Claim, error) {
	rest, ok := strings.CutPrefix(strings.ToLower(detail), "b")
	f := strings.Split(rest, ".")
	if !ok || len(f) != 3 {
		return Claim{}, errForm
	}
	c, raw, err := parse(f[0], f[1], f[2], 1+macSize)
	if err != nil {
		return Claim{}, err
	}
	return c, k.verify(raw[0], forBounce, c, raw[1:])
}

func (k *Keyring) person(purpose byte, c Claim) string {
	first := k.keys[0]
	raw := append([]byte{first.ID, c.flags()}, c.Person[:]...)
	return encoding.EncodeToString(append(raw, first.mac(purpose, c)...))
}

func (k *Keyring) parsePerson(purpose byte, ticket, item, text string) (Claim, error) {
	c, raw, err := parse(ticket, item, text, 2+personSize+macSize)
	if err != nil {
		return Claim{}, err
	}
	copy(c.Person[:], raw[2:])
	if !c.setFlags(raw[1]) {
		return Claim{Ticket: c.Ticket}, ErrInvalid
	}
	return c, k.verify(raw[0], purpose, c, raw[2+personSize:])
}

// parse reads the numbers and the base32 text. The ticket is set even when the
// signature will turn out to be false.
func parse(ticket, item, text string, size int) (Claim, []byte, error) {
	t, err := strconv.ParseUint(ticket, 10, 64)
	if err != nil || t == 0 {
		return Claim{}, nil, errForm
	}
	i, err := strconv.ParseUint(item, 10, 64)
	if err != nil || len(text) != encoding.EncodedLen(size) {
		return Claim{}, nil, errForm
	}
	raw, err := encoding.DecodeString(text)
	if err != nil {
		return Claim{}, nil, errForm
	}
	return Claim{Ticket: ticketstore.TicketID(t), Item: ticketstore.ItemID(i)}, raw, nil
}

func (k *Keyring) verify(id, purpose byte, c Claim, mac []byte) error {
	for _, key := range k.keys {
		if key.ID == id && hmac.Equal(mac, key.mac(purpose, c)) {
			return nil
		}
	}
	return ErrInvalid
}

func (k key) mac(purpose byte, c Claim) []byte {
	b := append(make([]byte, 0, sha256.Size), 'm', 'x', '1', purpose, c.flags())
	b = binary.BigEndian.AppendUint64(b, uint64(c.Ticket))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Item))
	b = append(b, c.Person[:]...)
	h := hmac.New(sha256.New, k.Secret)
	h.Write(b)
	return h.Sum(b[:0])[:macSize]
}
