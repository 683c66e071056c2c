package ticketstore

import "os"

// FailFlush makes every flush return err until the function it returns is
// called.
func FailFlush(err error) (restore func()) {
	old := flush
	flush = func(*os.File) error { return err }
	return func() { flush = old }
}
