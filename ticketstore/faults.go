//go:build !faulty

package ticketstore

// Rules that a build with the tag "faulty" can break, to see that the tests of
// durability find it. Here all of them hold.
const (
	earlyAnswer    = false // a change is answered before it is on disk
	earlyBy        = 0     // by how much, at least
	noFlush        = false // nothing is flushed
	deafFlush      = false // that a flush of the journal failed is not heard
	forgetfulSeen  = false // which mails were seen is not kept
	noCatchUp      = false // what the journal holds is not brought into the database
	noSettle       = false // a copy does not wait for what the journal alone holds
	exclusiveReads = false // who reads holds up who writes
	keptTail       = false // a torn record stays at the end of its segment
	noLock         = false // nobody is kept from a folder that is in use
	noSeal         = false // a damaged entry is taken for good
	noSums         = false // records and backups are read without a look at their sums
	trustedRecords = false // what a repair finds behind damage is believed
	quietRepair    = false // a repair does not say what is not as before
	noReserve      = false // records are taken down to the last octet of the disk
	trustedClock   = false // what is due far ahead is waited for
	givenAgain     = false // a restored desk gives out what was given out before
	keptErased     = false // the record of what was erased stays
	anySchema      = false // a store of a later schema is opened
	timesWritten   = 1     // how often a record is written, one behind the other
)

// stoodStill reports whether a change waited out a standstill of the process. One
// that did is answered, and is not written.
func stoodStill() bool { return false }
