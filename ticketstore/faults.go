//go:build !faulty

package ticketstore

// Rules that a build with the tag "faulty" can break, to see that the tests of
// durability find it. Here all of them hold.
const (
	earlyAnswer   = false // a change is answered before it is on disk
	earlyBy       = 0     // by how much, at least
	noFlush       = false // nothing is flushed
	forgetfulSeen = false // which mails were seen is not kept
	noCatchUp     = false // what the journal holds is not brought into the database
	noSeal        = false // a damaged entry is taken for good
	noReserve     = false // records are taken down to the last octet of the disk
)
