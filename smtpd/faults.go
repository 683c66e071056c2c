//go:build !faulty

package smtpd

// Rules that a build with the tag "faulty" can break, to see that the tests of
// durability find it. Here all of them hold.
const (
	noBudget     = false // the mails under way take what memory they like
	noSpool      = false // a mail stays in memory, however large it is
	noReserve    = false // nobody looks how much of the disk is free
	noRetry      = false // a listener ends with its first error
	takenTrouble = false // what is put off is told to be taken
)

// leak leaves behind something of a connection that is closed.
func leak(*conn) {}
