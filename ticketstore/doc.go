// Package ticketstore keeps everything a desk knows: tickets, actions,
// contacts, outgoing items, held mail and the raw mails themselves.
//
// Small values live in one bbolt file, raw mails in append-only segments beside
// it. A caller reads through a [View], a consistent snapshot, and writes by
// handing [Store.Update] a function that looks at a View and returns a
// [Change]. One caller at a time applies the changes of all that wait in one
// transaction: it appends to the segments, notes every changed entry in a
// journal, flushes that, and only then answers. A nil error therefore means: on
// disk. The bbolt file gets the changes of many such groups in one commit, at the
// latest when somebody wants to read.
package ticketstore

import "io"

// RecordID numbers a record in the segments: the octets of one raw mail or of
// one outgoing body. Zero is none.
type RecordID uint64

// Content is the octets of a record, in memory or in a file. It may be read
// from several goroutines at once.
type Content interface {
	io.ReaderAt
	Size() int64
}
