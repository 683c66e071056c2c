package ticketstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// The versions of the layout of desk.db:
//
//	1  values are JSON
//	2  each value is sealed (see table)
//	3  values are written as codec.go says, and there is a journal
//
// The records of mails in the segments say what they are as values do: JSON
// until version 2. Segments are never rewritten for that, and are read for ever.

// migrate brings a file of an older schema to this one, forward only, by a new
// file that takes the place of the old when it is on disk. An entry that is
// damaged stays as it is, for a check to find.
func migrate(dir string, b *bolt.DB) (*bolt.DB, error) {
	n, err := schemaOf(b)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	if n == schema {
		return b, nil
	}
	if err := rewrite(dir, b, migration(n)); err != nil {
		return nil, err
	}
	return openBolt(filepath.Join(dir, dbName))
}

// migration returns what makes an entry of schema n one of this.
func migration(n uint32) func(name, key, v []byte) ([]byte, error) {
	return func(name, key, v []byte) ([]byte, error) {
		plain, table := v, string(name)
		if n >= 2 {
			var err error
			if plain, err = unseal(table, key, v); err != nil {
				return v, nil
			}
		}
		return seal(table, key, current(table, plain)), nil
	}
}

// current returns a value of a table as it is stored now, whichever schema it is
// of. One that cannot be read stays: who reads it is told so, as before.
func current(table string, v []byte) []byte {
	if now, err := fromSchema2(table, v); err == nil {
		return now
	}
	return v
}

// isJSON reports whether a value is one of schema 2, or of a segment's record of
// that time. No value begins with that octet now: it would be a field written in
// a way that there is none of.
func isJSON(v []byte) bool { return len(v) > 0 && v[0] == '{' }

// fromSchema2 returns what current does, or why it cannot be read.
func fromSchema2(table string, v []byte) ([]byte, error) {
	switch {
	case table == string(bRecords) && len(v) == oldPlace:
		return placeFromSchema2(v), nil
	case !isJSON(v):
		return v, nil
	}
	switch table {
	case string(bTickets):
		return recode[Ticket](v)
	case string(bActions):
		return actionFromJSON(v)
	case string(bSeen):
		return recode[Seen](v)
	case string(bContacts):
		return recode[Contact](v)
	case string(bItems):
		return recode[OutboxItem](v)
	case string(bHeld):
		return recode[HeldMail](v)
	}
	return v, nil
}

// oldPlace is the length of a place in schema 2; none is so long now.
const oldPlace = 4 + 8 + 4 + 8 + 32

func placeFromSchema2(v []byte) []byte {
	p := place{
		segment: binary.BigEndian.Uint32(v),
		offset:  int64(binary.BigEndian.Uint64(v[4:])),
		meta:    binary.BigEndian.Uint32(v[12:]),
		body:    int64(binary.BigEndian.Uint64(v[16:])),
		digest:  digestStart(v[24:32]),
	}
	return p.encode()
}

func recode[T any, P pointerTo[T]](b []byte) ([]byte, error) {
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, err
	}
	return encode(P(&v)), nil
}

// actionFromJSON reads an action, whose fresh was left out where that is the
// whole text.
func actionFromJSON(b []byte) ([]byte, error) {
	var v struct {
		*Action
		Fresh *string `json:"fresh"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, err
	}
	if v.Action == nil {
		v.Action = new(Action)
	}
	v.Action.Fresh = v.Text
	if v.Fresh != nil {
		v.Action.Fresh = *v.Fresh
	}
	return encode(v.Action), nil
}

// readMeta reads what the record of a raw mail says of it.
func readMeta(b []byte) (m MailMeta, err error) {
	if isJSON(b) {
		return m, json.Unmarshal(b, &m)
	}
	return decode[MailMeta](b, nil)
}
