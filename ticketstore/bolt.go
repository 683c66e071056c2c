package ticketstore

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
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

// schema is the version of the file's layout.
const schema = 1

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

// Options adjust a store. The zero value is good for production.
type Options struct {
	// MinFree is the free disk space in octets below which records are refused
	// with ErrFull. It must leave room for the database to grow in a commit.
	// Default 64 MiB; negative turns the check off.
	MinFree int64
	// SegmentSize is the size in octets after which a new segment is begun.
	// Default 256 MiB.
	SegmentSize int64
	// OnFail is called once when a commit met an I/O error. The process must then
	// end: what is on disk is unknown until it is read again.
	OnFail func(error)
}

// DB is the Store on one bbolt file with segments beside it.
type DB struct {
	dir      string
	opt      Options
	bolt     *bolt.DB
	segments *segments
	requests chan *request
	wake     chan struct{}
	stop     chan struct{}
	stopping sync.Once
	done     chan struct{}
	failed   atomic.Pointer[error]
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
	path := filepath.Join(dir, dbName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := create(dir, path); err != nil {
			return nil, fmt.Errorf("creating the store: %w", err)
		}
	}
	b, err := openBolt(path)
	if err != nil {
		return nil, fmt.Errorf("opening the store in %s: %w", dir, err)
	}
	if b, err = renew(dir, b); err != nil {
		return nil, fmt.Errorf("rewriting the store after a failure: %w", err)
	}
	db := &DB{
		dir: dir, opt: opt, bolt: b,
		requests: make(chan *request, 1024),
		wake:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
	}
	if err := db.openSegments(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store in %s: %w", dir, err), b.Close())
	}
	go db.commitLoop()
	return db, nil
}

func boltOptions() *bolt.Options {
	return &bolt.Options{
		Timeout:        time.Second,
		FreelistType:   bolt.FreelistMapType,
		NoFreelistSync: true,
	}
}

func openBolt(path string) (*bolt.DB, error) {
	b, err := bolt.Open(path, 0o600, boltOptions())
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, ErrLocked
	}
	return b, err
}

// create makes an empty store under another name first: a cut in the middle
// leaves nothing that looks like a store.
func create(dir, path string) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	b, err := openBolt(tmp)
	if err != nil {
		return err
	}
	err = b.Update(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bMeta).Put([]byte("schema"), binary.BigEndian.AppendUint32(nil, schema))
	})
	if err := errors.Join(err, b.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(dir)
}

// renew rewrites the file after an exit on a failed commit: the page cache may
// then hold what the disk does not, so every page is written and flushed anew.
func renew(dir string, b *bolt.DB) (*bolt.DB, error) {
	mark := filepath.Join(dir, suspectName)
	if _, err := os.Stat(mark); errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	path, tmp := filepath.Join(dir, dbName), filepath.Join(dir, dbName+".new")
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Join(err, b.Close())
	}
	fresh, err := openBolt(tmp)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	err = bolt.Compact(fresh, b, 64<<20)
	if err = errors.Join(err, fresh.Sync(), fresh.Close(), b.Close()); err != nil {
		return nil, err
	}
	if err := os.Rename(tmp, path); err != nil {
		return nil, err
	}
	if err := syncDir(dir); err != nil {
		return nil, err
	}
	if err := os.Remove(mark); err != nil {
		return nil, err
	}
	return openBolt(path)
}

func (db *DB) openSegments() error {
	var last place
	err := db.bolt.View(func(tx *bolt.Tx) error {
		if err := checkSchema(tx); err != nil {
			return err
		}
		_, v := tx.Bucket(bRecords).Cursor().Last()
		if v == nil {
			return nil
		}
		var err error
		last, err = decodePlace(v)
		return err
	})
	if err != nil {
		return err
	}
	db.segments, err = openSegments(filepath.Join(db.dir, segmentsName), db.opt.SegmentSize, last)
	return err
}

func checkSchema(tx *bolt.Tx) error {
	for _, name := range buckets {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("bucket %s is missing: this is not an mxdesk store, or it is damaged", name)
		}
	}
	v := tx.Bucket(bMeta).Get([]byte("schema"))
	if len(v) != 4 {
		return errors.New("schema version is missing")
	}
	if n := binary.BigEndian.Uint32(v); n > schema {
		return fmt.Errorf("%w: schema %d, this one reads %d", ErrSchema, n, schema)
	}
	return nil
}

// View implements Store.
func (db *DB) View(ctx context.Context, fn func(View) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := db.bolt.View(func(tx *bolt.Tx) error { return fn(&view{tx: tx, segments: db.segments}) })
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

// Wake implements Store.
func (db *DB) Wake() <-chan struct{} { return db.wake }

// Close implements Store.
func (db *DB) Close() error {
	db.stopping.Do(func() { close(db.stop) })
	<-db.done
	return errors.Join(db.bolt.Close(), db.segments.close())
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

func decode[T any](b []byte) (T, error) {
	var v T
	if b == nil {
		return v, ErrNotFound
	}
	err := json.Unmarshal(b, &v)
	if err != nil {
		err = fmt.Errorf("reading a stored value: %w", err)
	}
	return v, err
}
