package router

import "mxdesk/ticketstore"

// Token says what a mail's signed reply address or Message-ID proves.
type Token string

// The tokens.
const (
	TokenOwn     Token = "own"     // was issued to this sender
	TokenOther   Token = "other"   // was issued to somebody else
	TokenInvalid Token = "invalid" // has our form and a false signature
	TokenNone    Token = "none"
)

// Tokens lists every value of Token.
var Tokens = []Token{TokenOwn, TokenOther, TokenInvalid, TokenNone}

// Role is what the sender is to a ticket's mailbox.
type Role string

// The roles.
const (
	RoleAgent    Role = "agent"
	RoleUser     Role = "user"
	RoleSupplier Role = "supplier"
	RoleUnknown  Role = "unknown"
)

// Roles lists every value of Role.
var Roles = []Role{RoleAgent, RoleUser, RoleSupplier, RoleUnknown}

// May is what a sender may do to a ticket that their mail points to.
type May string

// The permissions.
const (
	MayAct  May = "act"   // speak for the desk: the answer goes out, the status changes
	MayFile May = "file"  // add to the ticket as themselves
	MayOpen May = "open"  // open a ticket of their own that records this one as a candidate
	MayHold May = "hold"  // nothing, until a person has looked
	MayNot  May = "retry" // nothing now: DNS could not say who it is, so the sender's server keeps the mail
)

// Trust says what a sender may do to a ticket that their mail points to. auth
// is what the mail's authentication came to, tok what its signed address or
// Message-ID proves, role what the sender's address is to the ticket's mailbox,
// and belongs whether that address is a party of the ticket.
//
//   - An agent acts when aligned, and only then: a From field is easily written.
//   - A supplier files when aligned and a party, or with an own token.
//   - A user files with an own token, or as a party whose mail did not fail.
//   - Whoever else quotes a ticket opens one of their own and learns nothing.
//   - What failed authentication and has no own token waits for a person.
func Trust(auth ticketstore.Auth, tok Token, role Role, belongs bool) May {
	switch role {
	case RoleAgent:
		switch auth {
		case ticketstore.AuthAligned:
			return MayAct
		case ticketstore.AuthTempError:
			return MayNot
		}
		return MayHold
	case RoleSupplier:
		switch {
		case tok == TokenOwn || belongs && auth == ticketstore.AuthAligned:
			return MayFile
		case belongs || auth == ticketstore.AuthFail:
			return MayHold
		}
		return MayOpen
	}
	switch {
	case tok == TokenOwn || belongs && auth != ticketstore.AuthFail:
		return MayFile
	case auth == ticketstore.AuthFail:
		return MayHold
	}
	return MayOpen
}

// Admit says what a sender may do with a mail that points to no ticket: open
// one, or be held, or come again. domainAsks is what the sender's domain wants
// done with mail that failed (its DMARC policy).
func Admit(auth ticketstore.Auth, role Role, failed, domainAsks string) May {
	switch {
	case role == RoleAgent && auth == ticketstore.AuthTempError:
		return MayNot
	case role == RoleAgent && auth != ticketstore.AuthAligned:
		return MayHold
	case auth != ticketstore.AuthFail || failed == "ticket":
		return MayOpen
	case failed == "hold" || domainAsks == "quarantine" || domainAsks == "reject":
		return MayHold
	}
	return MayOpen
}
