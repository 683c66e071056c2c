//go:build !faulty

package outbox

// Rules that a build with the tag "faulty" can break, to see that the tests of
// durability find it. Here all of them hold.
const forgottenClaim = false // that a mail is being sent is not written down
