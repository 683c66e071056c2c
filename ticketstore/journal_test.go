package ticketstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNotes(t *testing.T) {
	var b []byte
	b = appendNote(b, notePut, "tickets", []byte("key"), nil)
	b = appendNote(b, noteRemove, "due", bytes.Repeat([]byte("k"), 300))
	b = appendNote(b, noteDrop, "seen/20261125")
	b = appendNote(b, noteGrow, "items", key64(7))
	b = appendRun(b, 3, 1<<40, []byte("octets"))
	var got []string
	err := eachNote(b, func(n note) error {
		got = append(got, string(n.kind)+" "+string(bytes.Join(n.fields[:noteFields(n.kind)], []byte("|"))))
		return nil
	})
	want := []string{
		"p tickets|key|", "r due|" + string(bytes.Repeat([]byte("k"), 300)), "d seen/20261125", "g items|\x00\x00\x00\x00\x00\x00\x00\x07",
		"s \x00\x00\x00\x03\x00\x00\x01\x00\x00\x00\x00\x00|octets",
	}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	for cut := 1; cut < len(b); cut++ {
		n := 0
		err := eachNote(b[:cut], func(note) error { n++; return nil })
		if err == nil && n == len(want) || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: %d notes, %v", cut, n, err)
		}
	}
}

func FuzzNotes(f *testing.F) {
	f.Add(appendNote(nil, notePut, "tickets", []byte("key"), []byte("value")))
	f.Add(appendRun(appendNote(nil, noteGrow, "items", key64(7)), 1, 2, []byte("octets")))
	f.Add([]byte("p\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		err := eachNote(b, func(n note) error {
			fields := n.fields[:noteFields(n.kind)]
			again = appendNote(again, n.kind, string(fields[0]), fields[1:]...)
			if _, err := n.number(); err != nil && !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
			if _, off, err := n.run(); err == nil && off < 0 {
				t.Errorf("a run at %d", off)
			}
			return nil
		})
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
		var once, twice int
		_ = eachNote(b, func(note) error { once++; return nil })
		if err := eachNote(again, func(note) error { twice++; return nil }); err != nil || once != twice {
			t.Errorf("%d notes written again are %d, %v", once, twice, err)
		}
	})
}

// journalOf writes records into a journal and returns it as a file.
func journalOf(t *testing.T, first uint64, records ...string) (j *journal, path string) {
	t.Helper()
	dir := t.TempDir()
	j, err := openJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.close() })
	j.next = first
	for _, r := range records {
		if err := j.write([]byte(r)); err != nil {
			t.Fatal(err)
		}
		j.keep([]byte(r))
	}
	return j, filepath.Join(dir, journalName)
}

func behind(j *journal, applied uint64) (got []string, last uint64, err error) {
	last, err = j.behind(applied, func(notes []byte) error {
		got = append(got, string(notes))
		return nil
	})
	return got, last, err
}

func TestJournalIsReadBehindTheDatabase(t *testing.T) {
	j, _ := journalOf(t, 5, "five", "six", "seven")
	for applied, want := range map[uint64][]string{4: {"five", "six", "seven"}, 5: {"six", "seven"}, 7: nil, 9: nil} {
		if got, last, err := behind(j, applied); err != nil || !slices.Equal(got, want) || last != max(applied, 7) {
			t.Errorf("behind %d: %q up to %d, %v", applied, got, last, err)
		}
	}
	if _, _, err := behind(j, 3); !errors.Is(err, ErrDamaged) {
		t.Errorf("a record is missing between the two: %v", err)
	}
}

// What an older round of the journal has left behind a shorter record is none,
// also where it begins at the same octet.
func TestJournalIsWrittenOver(t *testing.T) {
	for _, text := range []string{"new", "five", "much longer than before"} {
		j, _ := journalOf(t, 5, "five", "six!", "seven")
		if err := j.restart(); err != nil {
			t.Fatal(err)
		}
		if err := j.write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, last, err := behind(j, 7); err != nil || !slices.Equal(got, []string{text}) || last != 8 {
			t.Errorf("%q: %q up to %d, %v", text, got, last, err)
		}
	}
}

// A bit that turns over anywhere: the records before it stand; the last one is
// taken for torn, one before it is damage.
func TestJournalDamage(t *testing.T) {
	records := []string{"one", "two", "three"}
	_, path := journalOf(t, 1, records...)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		bad := slices.Clone(whole)
		bad[at] ^= 4
		record, body, end := 0, false, 0
		for i, r := range records {
			if begin := end; at >= begin {
				record, body = i, at >= begin+journalHead
			}
			end += journalHead + len(r)
		}
		got, _, err := behindOctets(bad)
		damage := body && record < len(records)-1
		if damage != errors.Is(err, ErrDamaged) || !slices.Equal(got, records[:record]) {
			t.Errorf("octet %d, of record %d: %q, %v", at, record+1, got, err)
		}
	}
	for cut := range whole {
		if got, _, err := behindOctets(whole[:cut]); err != nil || !slices.Equal(got, records[:len(got)]) || len(got) == len(records) {
			t.Errorf("cut at %d: %q, %v", cut, got, err)
		}
	}
}

func behindOctets(b []byte) (got []string, last uint64, err error) {
	err = readJournal(bytes.NewReader(b), func(rec journalRecord) error {
		if rec.damaged {
			return ErrDamaged
		}
		got, last = append(got, string(rec.notes)), rec.number
		return nil
	})
	return got, last, err
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(journalMagic), []byte("x"))
	f.Fuzz(func(t *testing.T, tail, text []byte) {
		j, path := journalOf(t, 1, "first")
		if err := errors.Join(j.write(text), os.Truncate(path, j.end+journalHead+int64(len(text)))); err != nil {
			t.Fatal(err)
		}
		if _, err := j.f.WriteAt(tail, j.end+journalHead+int64(len(text))); err != nil {
			t.Fatal(err)
		}
		got, last, err := behind(j, 0)
		if err == nil && (last < 2 || got[1] != string(text)) || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%q up to %d, %v", got, last, err)
		}
	})
}

// A store of schema 2 may have values of that time in its journal.
func TestJournalOfSchema2IsRead(t *testing.T) {
	dir := t.TempDir()
	db, err := Open(dir, Options{MinFree: -1})
	if err == nil {
		err = db.Close()
	}
	j, jerr := openJournal(dir)
	if err = errors.Join(err, jerr); err != nil {
		t.Fatal(err)
	}
	j.next = 1
	want := Contact{ID: 1, Name: "Ann", Kind: "user"}
	value, err := json.Marshal(want)
	notes := appendNote(appendNote(nil, notePut, string(bContacts), key64(1), value), noteGrow, string(bContacts), key64(1))
	if err = errors.Join(err, j.write(notes), j.close()); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(dir, Options{MinFree: -1}); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(t.Context(), func(v View) error {
		got, err := v.Contact(1)
		if got.Name != want.Name {
			t.Errorf("got %+v", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A start without the journal could hide what was answered last.
func TestMissingJournalIsNoticed(t *testing.T) {
	dir := t.TempDir()
	db, err := Open(dir, Options{MinFree: -1})
	if err == nil {
		err = db.Update(t.Context(), func(View) (Change, error) { return Change{Contacts: []Contact{{ID: 1, Name: "Ann"}}}, nil })
		err = errors.Join(err, db.Close(), os.Remove(filepath.Join(dir, journalName)))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{MinFree: -1}); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened without it: %v", err)
	}
	if _, err := Repair(t.Context(), dir, RepairOptions{}); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(dir, Options{MinFree: -1}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
