package ticketstore

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
)

// A segment is a file of records, one behind the other:
//
//	magic      4  "MXR1"
//	kind       1  RecordKind, then 3 zero octets
//	meta       4  length of the meta
//	body       8  length of the body
//	record id  8
//	body crc   4  CRC-32C of the body
//	digest    32  Record.Digest
//	head crc   4  CRC-32C of everything before it and of the meta
//	meta, body
//
// Numbers are big-endian. Records are only ever appended.
const (
	segmentMagic = "MXR1"
	headSize     = 4 + 4 + 4 + 8 + 8 + 4 + 32 + 4
	maxMeta      = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// place is where a record lies.
type place struct {
	segment uint32
	offset  int64 // of the head
	meta    uint32
	body    int64
	digest  digestStart
}

// digestStart is how the digest of a record begins. It tells records apart;
// whether one is whole say its own checksums.
type digestStart [8]byte

func (h *head) digestStart() digestStart { return digestStart(h.digest[:8]) }

// gone reports whether the octets were erased, or lost for good.
func (p place) gone() bool { return p.segment == 0 }

// givenUp is the place of a record that a repair could not bring back. That of one
// that was erased is the zero place.
var givenUp = place{offset: 1}

func (p place) bodyOffset() int64 { return p.offset + headSize + int64(p.meta) }
func (p place) end() int64        { return p.bodyOffset() + p.body }

func (p place) encode() []byte { return encode(&p) }

func decodePlace(b []byte) (place, error) {
	p, err := decode[place](b, nil)
	if p.offset < 0 || p.body < 0 || p.end() < p.offset {
		return place{}, errValue
	}
	return p, err
}

// head is a record's fixed part, decoded.
type head struct {
	kind    RecordKind
	id      RecordID
	meta    uint32
	body    int64
	bodyCRC uint32
	digest  [32]byte
}

var errTorn = errors.New("record is torn or damaged")

func encodeHead(h head, meta []byte) []byte {
	b := make([]byte, 0, headSize+len(meta))
	b = append(b, segmentMagic...)
	b = append(b, byte(h.kind), 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(meta)))
	b = binary.BigEndian.AppendUint64(b, uint64(h.body))
	b = binary.BigEndian.AppendUint64(b, uint64(h.id))
	b = binary.BigEndian.AppendUint32(b, h.bodyCRC)
	b = append(b, h.digest[:]...)
	crc := crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, meta)
	b = binary.BigEndian.AppendUint32(b, crc)
	return append(b, meta...)
}

// readHead reads and verifies the head and the meta at offset off of a file of
// the given size.
func readHead(r io.ReaderAt, off, size int64) (head, []byte, error) {
	var b [headSize]byte
	if _, err := r.ReadAt(b[:], off); err != nil {
		return head{}, nil, errTorn
	}
	h := head{
		kind:    RecordKind(b[4]),
		meta:    binary.BigEndian.Uint32(b[8:]),
		body:    int64(binary.BigEndian.Uint64(b[12:])),
		id:      RecordID(binary.BigEndian.Uint64(b[20:])),
		bodyCRC: binary.BigEndian.Uint32(b[28:]),
	}
	copy(h.digest[:], b[32:])
	if string(b[:4]) != segmentMagic || h.meta > maxMeta || h.body < 0 || h.body > size-off-headSize-int64(h.meta) {
		return head{}, nil, errTorn
	}
	meta := make([]byte, h.meta)
	if _, err := r.ReadAt(meta, off+headSize); err != nil {
		return head{}, nil, errTorn
	}
	crc := crc32.Update(crc32.Checksum(b[:headSize-4], castagnoli), castagnoli, meta)
	if crc != binary.BigEndian.Uint32(b[headSize-4:]) {
		return head{}, nil, errTorn
	}
	return h, meta, nil
}

func bodyCRC(c Content) (uint32, error) {
	h := crc32.New(castagnoli)
	err := WriteContent(h, c, 0, c.Size())
	return h.Sum32(), err
}

// open finds a record in its segment. A short one is read at once.
func (p place) open(f *os.File, id RecordID) (Content, error) {
	const short = 64 << 10
	var h head
	var body Content
	if n := p.end() - p.offset; n <= short {
		b := make(Octets, n)
		_, err := f.ReadAt(b, p.offset)
		if errors.Is(err, io.EOF) {
			return nil, errTorn
		}
		if err == nil {
			h, _, err = readHead(b, 0, n)
		}
		if err != nil {
			return nil, err
		}
		body = b[p.bodyOffset()-p.offset:]
	} else {
		st, err := f.Stat()
		if err == nil {
			h, _, err = readHead(f, p.offset, st.Size())
		}
		if err != nil {
			return nil, err
		}
		body = io.NewSectionReader(f, p.bodyOffset(), p.body)
	}
	if h.id != id || h.meta != p.meta || h.body != p.body || h.digestStart() != p.digest {
		return nil, errors.New("record is not the one that the database refers to")
	}
	crc, err := bodyCRC(body)
	if err == nil && crc != h.bodyCRC && !noSums {
		err = errTorn
	}
	return body, err
}
