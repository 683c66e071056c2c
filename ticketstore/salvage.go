package ticketstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
)

// source says where a repair has an entry from.
type source string

const (
	fromStore    source = "store"       // it stood where it belongs
	fromPages    source = "loose pages" // of the damaged file, that nothing leads to any more
	fromBackup   source = "the backup"
	fromSegments source = "segments"       // made again of a raw mail
	fromOthers   source = "what is around" // made to stand for what is lost
)

// found is an entry whose seal is right.
type found struct {
	value []byte
	from  source
}

// salvage is everything whole that was found, by path of its table and key.
// Values lie in the mapped files until it is closed.
type salvage struct {
	tables    map[string]map[string]found
	sequences map[string]uint64
	version   []byte         // of the layout; nil: not known
	sums      map[string]sum // those that the tables had to come to
	damaged   map[string]bool
	rolled    bool   // a meta page is damaged: the newest transaction may be missing
	applied   uint64 // number of the last journal record that the database holds
	images    []*image
}

func newSalvage() *salvage {
	return &salvage{
		tables: map[string]map[string]found{}, sequences: map[string]uint64{},
		sums: map[string]sum{}, damaged: map[string]bool{},
	}
}

func (s *salvage) close() (err error) {
	for _, im := range s.images {
		err = errors.Join(err, im.close())
	}
	return err
}

// add takes an entry in, as this schema stores it, unless there is one already.
func (s *salvage) add(path, key string, value []byte, from source) bool {
	name, _, _ := strings.Cut(path, "/")
	value = current(name, value)
	t := s.tables[path]
	if t == nil {
		t = map[string]found{}
		s.tables[path] = t
	}
	if _, there := t[key]; there {
		return false
	}
	t[key] = found{value, from}
	return true
}

// table returns what is known of a table.
func (s *salvage) table(name []byte) map[string]found { return s.tables[string(name)] }

// store reads what is whole of the damaged database.
func (s *salvage) store(path string, problem func(error)) error {
	im, err := openImage(path)
	if err != nil {
		return err
	}
	s.images = append(s.images, im)
	s.rolled = im.metas < 2
	got := map[string]*sum{}
	w := &walker{problem: problem, leaf: func(path [][]byte, key, sealed []byte) {
		if len(path) == 0 || len(path) > 2 {
			return
		}
		if string(path[0]) == string(bMeta) {
			s.addMeta(key, sealed)
			return
		}
		value, err := unseal(string(path[0]), key, sealed)
		if err != nil {
			problem(err)
			return
		}
		p := joined(path)
		if got[p] == nil {
			got[p] = &sum{}
		}
		got[p].add(sealed)
		s.add(p, string(key), value, fromStore)
	}, bucket: func(path [][]byte, sequence uint64) {
		if len(path) <= 2 && len(path) > 0 {
			s.sequences[joined(path)] = sequence
		}
	}}
	im.walk(w)
	if err := repairable(s.version); err != nil {
		return err
	}
	s.compare(got)
	if len(s.damaged) > 0 || s.rolled {
		w.guarded(func() { s.loosePages(im, w.seen) })
	}
	return nil
}

// repairable refuses the schemas whose entries say nothing of whether they are
// whole, and those that are not known here.
func repairable(version []byte) error {
	switch {
	case bytes.Equal(version, schemaValue(1)):
		return fmt.Errorf("%w: the database is of schema 1, which cannot be repaired", ErrRefused)
	case bytes.Compare(version, schemaValue(schema)) > 0:
		return fmt.Errorf("%w: this one repairs up to schema %d", ErrSchema, schema)
	}
	return nil
}

func (s *salvage) addMeta(key, sealed []byte) {
	switch {
	case bytes.Equal(key, schemaKey) && s.version == nil:
		s.version = bytes.Clone(sealed)
	case bytes.Equal(key, sealedSchemaKey):
		if v, err := unseal(string(bMeta), key, sealed); err == nil { // the better word
			s.version = bytes.Clone(v)
		}
	case bytes.Equal(key, appliedKey):
		if v, err := unseal(string(bMeta), key, sealed); err == nil && len(v) == 8 {
			s.applied = binary.BigEndian.Uint64(v)
		}
	}
	path, ok := strings.CutPrefix(string(key), "sum ")
	if !ok {
		return
	}
	if v, err := decodeSum(unseal(string(bMeta), key, sealed)); err == nil {
		s.sums[path] = v
	}
}

// compare finds the tables that are not whole.
func (s *salvage) compare(got map[string]*sum) {
	paths := slices.Collect(maps.Keys(s.sums))
	paths = slices.AppendSeq(paths, maps.Keys(got))
	for _, p := range paths {
		have := sum{Sequence: s.sequences[p]}
		if g := got[p]; g != nil {
			have.Entries, have.Seals = g.Entries, g.Seals
		}
		if want, ok := s.sums[p]; !ok || want != have {
			name, _, _ := strings.Cut(p, "/")
			s.damaged[name] = true
		}
	}
	for _, name := range buckets { // one that is gone without a trace
		if _, there := s.sequences[string(name)]; !there && !bytes.Equal(name, bMeta) {
			s.damaged[string(name)] = true
		}
	}
}

// journal brings what was found in the database up to what the journal of a
// folder says. It returns, in words, what was wrong with it.
func (s *salvage) journal(dir string) (notes []string, err error) {
	f, err := os.Open(filepath.Join(dir, journalName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	runs := segmentRuns{dir: filepath.Join(dir, segmentsName), files: map[uint32]*os.File{}}
	err = readJournal(f, func(rec journalRecord) error {
		if rec.number <= s.applied {
			return nil
		}
		if rec.number > s.applied+1 {
			notes = append(notes, fmt.Sprintf("the journal begins with record %d and the database ends with %d: what was changed between them is missing or older", rec.number, s.applied))
		}
		s.applied = rec.number
		err := error(nil)
		if !rec.damaged {
			err = eachNote(rec.notes, func(n note) error { return s.note(&n, &runs) })
		}
		if rec.damaged || errors.Is(err, ErrDamaged) {
			notes = append(notes, fmt.Sprintf("record %d of the journal is damaged: what it changed is missing or older", rec.number))
			return nil
		}
		return err
	})
	return notes, errors.Join(err, runs.close())
}

// note does what a note of the journal says.
func (s *salvage) note(n *note, runs *segmentRuns) error {
	path, key := string(n.fields[0]), string(n.fields[1])
	total := s.sums[path]
	switch n.kind {
	case notePut:
		if _, there := s.tables[path][key]; !there {
			total.Entries++
		}
		delete(s.tables[path], key)
		s.add(path, key, slices.Clone(n.fields[2]), fromStore)
	case noteRemove:
		if _, there := s.tables[path][key]; there {
			total.Entries--
		}
		delete(s.tables[path], key)
	case noteDrop:
		delete(s.tables, path)
		delete(s.sums, path)
		return nil
	case noteGrow:
		last, err := n.number()
		if err != nil {
			return err
		}
		total.Sequence = max(total.Sequence, last)
		s.sequences[path] = max(s.sequences[path], last)
	default:
		segment, offset, err := n.run()
		if err != nil {
			return err
		}
		err = runs.put(segment, offset, n.fields[1])
		if errors.Is(err, os.ErrNotExist) {
			err = nil // a segment that is lost: its records are said to be
		}
		return err
	}
	if _, known := s.sums[path]; known {
		s.sums[path] = total
	}
	return nil
}

// undivided are the tables whose entries on loose pages are of use: what is in
// them is never removed, only replaced.
var undivided = [][]byte{bTickets, bActions, bItems, bHeld, bRecords, bContacts}

// loosePages looks on every page that the tree did not lead to for entries of
// damaged tables. Their seals say what they are. Old versions are among them: the
// newest is taken.
func (s *salvage) loosePages(im *image, seen []atomic.Bool) {
	newest := map[string]uint64{}
	for id := uint64(2); (id+1)*uint64(im.pageSize) <= uint64(len(im.data)); id++ {
		p := im.data[id*uint64(im.pageSize):]
		if id < uint64(len(seen)) && seen[id].Load() || order.Uint64(p) != id || order.Uint16(p[8:]) != pageIsLeaf {
			continue
		}
		span := (uint64(order.Uint32(p[12:])) + 1) * uint64(im.pageSize)
		p = p[:min(span, uint64(len(p)))]
		for i := range int(order.Uint16(p[10:])) {
			if pageHead+(i+1)*elementSize > len(p) {
				break
			}
			if e, ok := readElement(p, i, pageIsLeaf); ok && !e.bucket {
				s.loose(e, newest)
			}
		}
	}
}

func (s *salvage) loose(e element, newest map[string]uint64) {
	for _, name := range undivided {
		if !s.damaged[string(name)] && !s.rolled {
			continue
		}
		value, err := unseal(string(name), e.key, e.value)
		if err != nil {
			continue
		}
		key := string(e.key)
		if have, there := s.table(name)[key]; there && have.from != fromPages {
			return
		}
		v, entry := version(name, current(string(name), value)), string(name)+key
		if v < newest[entry] {
			return
		}
		newest[entry] = v
		delete(s.table(name), key)
		s.add(string(name), key, value, fromPages)
		return
	}
}

// version orders the versions of an entry; those of most tables have but one. What
// was erased comes behind what was not.
func version(name, value []byte) (v uint64) {
	add := func(is bool) {
		if v *= 2; is {
			v++
		}
	}
	switch string(name) {
	case string(bTickets):
		t, _ := decode[Ticket](value, nil)
		return t.Version
	case string(bItems):
		it, _ := decode[OutboxItem](value, nil)
		v = uint64(it.Tried())
		add(!it.State.Due())
		add(it.Header == "")
	case string(bActions):
		a, _ := decode[Action](value, nil)
		add(a.Subject == "" && a.Text == "" && a.Fresh == "")
	case string(bHeld):
		h, _ := decode[HeldMail](value, nil)
		add(h.Subject == erasedText && h.Reason == erasedText)
		add(h.State != "held")
	case string(bRecords):
		p, err := decodePlace(value)
		add(err == nil && p.gone())
	}
	return v
}

// backup adds what the database of a backup has of damaged tables.
func (s *salvage) backup(path string) error {
	im, err := openImage(path)
	if err != nil {
		return fmt.Errorf("reading the backup: %w", err)
	}
	s.images = append(s.images, im)
	im.walk(&walker{problem: func(error) {}, leaf: func(path [][]byte, key, sealed []byte) {
		if len(path) == 0 || len(path) > 2 || !s.damaged[string(path[0])] || bytes.Equal(path[0], bMeta) {
			return
		}
		if value, err := unseal(string(path[0]), key, sealed); err == nil {
			s.add(joined(path), string(key), value, fromBackup)
		}
	}})
	return nil
}

// raw is a whole record in a segment, of the store or of a backup.
type raw struct {
	file *os.File
	place
	id   RecordID
	kind RecordKind
	meta []byte
	// behind: a damaged head comes before it in its segment, so it may be part of
	// a mail that somebody has sent.
	behind bool
}

// scanSegments calls fn for every whole record in the segments of a folder.
// Behind a damaged one it looks for the next that begins.
func scanSegments(dir string, fn func(raw)) (files []*os.File, err error) {
	nums, err := segmentNumbers(dir)
	if err != nil {
		return nil, err
	}
	for _, n := range nums {
		f, err := os.Open(segmentPath(dir, n))
		if err != nil {
			return files, err
		}
		files = append(files, f)
		if err := scanSegment(f, n, fn); err != nil {
			return files, err
		}
	}
	return files, nil
}

func scanSegment(f *os.File, n uint32, fn func(raw)) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	behind := false
	for off := int64(0); off < st.Size(); {
		h, meta, err := readHead(f, off, st.Size())
		if err != nil {
			behind = true
			if off, err = nextMagic(f, off+1, st.Size()); err != nil {
				return err
			}
			continue
		}
		p := place{segment: n, offset: off, meta: h.meta, body: h.body, digest: h.digestStart()}
		if crc, err := bodyCRC(io.NewSectionReader(f, p.bodyOffset(), p.body)); err == nil && crc == h.bodyCRC {
			fn(raw{f, p, h.id, h.kind, meta, behind})
		}
		off = p.end()
	}
	return nil
}

// nextMagic finds where the next record may begin; size when none does.
func nextMagic(f io.ReaderAt, from, size int64) (int64, error) {
	buf := make([]byte, 256<<10)
	for off := from; off < size; off += int64(len(buf) - len(segmentMagic)) {
		n, err := f.ReadAt(buf, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if i := bytes.Index(buf[:n], []byte(segmentMagic)); i >= 0 {
			return off + int64(i), nil
		}
	}
	return size, nil
}

// mailMeta reads what a raw mail's record says of it. Nobody vouches for the sender
// of one behind damage.
func (r *raw) mailMeta() (m MailMeta, ok bool) {
	if r.kind != RecordMail {
		return m, false
	}
	m, err := readMeta(r.meta)
	if r.behind && !trustedRecords {
		m.Verdict = Verdict{Auth: AuthNone, Reason: "the record was found behind damage, and may have come as part of another mail"}
		m.Actor = Actor{}
	}
	return m, err == nil
}
