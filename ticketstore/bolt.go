package ticketstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Names in the data folder.
const (
	dbName       = "desk.db"
	segmentsName = "segments"
	suspectName  = "desk.suspect"
)

// schema is the version of the file's layout; files of an earlier one are
// rewritten when they are opened (see migrate).
const schema = 3

// The buckets. Keys are numbers in big-endian order, so that they grow with
// time, unless said otherwise.
var (
	bMeta      = []byte("meta")      // schema
	bTickets   = []byte("tickets")   // ticket -> Ticket
	bActions   = []byte("actions")   // ticket, seq -> Action
	bRecords   = []byte("records")   // record -> place
	bMessages  = []byte("messages")  // month -> hash of Message-ID -> ticket, seq
	bSeen      = []byte("seen")      // day -> MailKey -> Seen
	bContacts  = []byte("contacts")  // contact -> Contact
	bPeople    = []byte("people")    // address key -> contact
	bAgents    = []byte("agents")    // contact -> nothing, for those who are agents
	bItems     = []byte("items")     // item -> OutboxItem
	bItemsOf   = []byte("items_of")  // ticket, item -> nothing
	bDue       = []byte("due")       // time, item -> nothing
	bHeld      = []byte("held")      // held -> HeldMail
	bMailboxes = []byte("mailboxes") // key -> its first ticket
	bAutoMail  = []byte("automail")  // day -> address key -> count

	buckets = [][]byte{
		bMeta, bTickets, bActions, bRecords, bMessages, bSeen, bContacts, bPeople, bAgents,
		bItems, bItemsOf, bDue, bHeld, bMailboxes, bAutoMail,
	}
)

// fills are how full a page is left when it is split, of the tables whose new
// keys come behind all others: half a page left free, as bbolt does it, would stay
// free. Where entries grow afterwards, as an outgoing mail does with each
// attempt, they need a little room.
var fills = map[string]float64{
	string(bActions): 1, string(bRecords): 1, string(bItemsOf): 1,
	string(bTickets): growing, string(bItems): growing, string(bDue): growing, string(bHeld): growing,
}

const growing = 0.9

// Options adjust a store. The zero value is good for production.
type Options struct {
	// MinFree is the free disk space in octets below which records are refused
	// with ErrFull. It must leave room for the database to grow in a commit.
	// Default 64 MiB; negative turns the check off.
	MinFree int64
	// SegmentSize is the size in octets after which a new segment is begun.
	// Default 256 MiB.
	SegmentSize int64
	// Beside names small files in the store's folder that belong to the desk and
	// go into a backup with it.
	Beside []string
	// OnFail is called once when a commit met an I/O error. The process must then
	// end: what is on disk is unknown until it is read again.
	OnFail func(error)
}

// DB is the Store on one bbolt file with segments beside it.
type DB struct {
	dir      string
	lock     *os.File // of the folder
	opt      Options
	bolt     *bolt.DB
	segments *segments
	journal  *journal
	turn     chan *committer // empty while somebody writes
	requests chan *request   // of those who came meanwhile
	wake     chan struct{}
	stop     chan struct{}
	stopping sync.Once
	done     chan struct{}
	failed   atomic.Pointer[error]
	// unsettled: changes were answered that the database does not hold yet.
	unsettled atomic.Bool

	mu     sync.RWMutex
	places map[RecordID]place // of records that the database does not know yet
}

var _ Store = (*DB)(nil)

// Open opens the store in the folder dir, which must exist, and creates it
// when there is none. Only one process can have it open: others get ErrLocked
// after a second.
func Open(dir string, opt Options) (*DB, error) {
	if opt.MinFree == 0 {
		opt.MinFree = 64 << 20
	}
	if opt.SegmentSize == 0 {
		opt.SegmentSize = 256 << 20
	}
	if err := NotABackup(dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(dir, lockWait)
	if err != nil {
		return nil, fmt.Errorf("opening the store in %s: %w", dir, err)
	}
	b, j, err := openDatabase(dir)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	db := &DB{
		dir: dir, lock: lock, opt: opt, bolt: b, journal: j,
		turn:     make(chan *committer, 1),
		requests: make(chan *request, 1024),
		wake:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
	}
	if err := db.openSegments(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store in %s: %w", dir, err), b.Close(), j.close(), lock.Close())
	}
	db.turn <- &committer{DB: db, old: time.AfterFunc(checkpointAge, db.overdue)}
	return db, nil
}

func (db *DB) openSegments() error {
	var last place
	err := db.bolt.View(func(tx *bolt.Tx) (err error) {
		last, err = lastPlace(tx)
		return err
	})
	if err != nil {
		return err
	}
	dir := filepath.Join(db.dir, segmentsName)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) && last.gone() {
		if err := errors.Join(os.Mkdir(dir, 0o700), syncDir(db.dir)); err != nil {
			return err
		}
	}
	db.segments, err = openSegments(dir, db.opt.SegmentSize, last)
	return err
}

// lastPlace is where the newest record lies; zero when there is none.
func lastPlace(tx *bolt.Tx) (place, error) {
	for e := range tableOf(tx, bRecords).before(nil) {
		if e.err != nil {
			return place{}, e.err
		}
		if p, err := decodePlace(e.value); err != nil || !p.gone() {
			return p, err
		}
	}
	return place{}, nil
}

// schemaOf reads the version of a file's layout.
func schemaOf(b *bolt.DB) (n uint32, err error) {
	return n, b.View(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("%w, or it is none of mxdesk: bucket %s is missing", ErrDamaged, name)
			}
		}
		if n, err = schemaIn(tx.Bucket(bMeta)); err == nil && n > schema && !anySchema {
			err = fmt.Errorf("%w: schema %d, this one reads %d", ErrSchema, n, schema)
		}
		return err
	})
}

// View implements Store.
func (db *DB) View(ctx context.Context, fn func(View) error) error {
	return db.snapshot(ctx, func(tx *bolt.Tx) error { return fn(&view{tx: tx, segments: db.segments}) })
}

// snapshot calls fn with what the database holds, once that is all that was
// answered before.
func (db *DB) snapshot(ctx context.Context, fn func(*bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := db.settle(ctx); err != nil {
		return err
	}
	return db.read(fn)
}

// read calls fn with what the database holds, which may not be the newest.
func (db *DB) read(fn func(*bolt.Tx) error) error {
	if exclusiveReads {
		if tx, err := db.bolt.Begin(true); err == nil {
			defer func() { _ = tx.Rollback() }()
		}
	}
	err := guard(func() error { return db.bolt.View(fn) })
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

// Content implements Store. A record never changes, so the database is not
// brought up to date for it.
func (db *DB) Content(ctx context.Context, id RecordID) (c Content, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	db.mu.RLock()
	p, fresh := db.places[id]
	db.mu.RUnlock()
	if fresh {
		return db.segments.open(id, p)
	}
	return c, db.read(func(tx *bolt.Tx) error {
		v := view{tx: tx, segments: db.segments}
		c, err = v.Content(id)
		return err
	})
}

// keepPlaces notes where records lie that the database does not know yet; nil:
// it knows all.
func (db *DB) keepPlaces(places map[RecordID]place) {
	if len(places) == 0 && places != nil {
		return
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if places == nil {
		db.places = nil
		return
	}
	if db.places == nil {
		db.places = map[RecordID]place{}
	}
	maps.Copy(db.places, places)
}

// Wake implements Store.
func (db *DB) Wake() <-chan struct{} { return db.wake }

// Close implements Store.
func (db *DB) Close() error {
	var err error
	db.stopping.Do(func() {
		db.finish()
		err = errors.Join(db.bolt.Close(), db.journal.close(), db.segments.close(), leaveToOwner(db.dir, db.opt.Beside...), db.lock.Close())
	})
	return err
}

// fail ends the life of the store after an I/O error in a commit.
func (db *DB) fail(cause error) error {
	err := fmt.Errorf("%w: %w", ErrFailed, cause)
	if db.failed.CompareAndSwap(nil, &err) {
		mark := filepath.Join(db.dir, suspectName)
		if werr := os.WriteFile(mark, []byte(cause.Error()+"\n"), 0o600); werr != nil {
			err = errors.Join(err, werr)
		}
		if db.opt.OnFail != nil {
			db.opt.OnFail(err)
		}
	}
	return err
}

func key64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func key64x2(a, b uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, 16), a), b)
}

func actionKey(t TicketID, seq uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(make([]byte, 0, 12), uint64(t)), seq)
}

func dueKey(at time.Time, id ItemID) []byte {
	return key64x2(uint64(max(at.UnixNano(), 0)), uint64(id))
}
