package ticketstore

import (
	"fmt"
	"slices"

	"mxdesk/internal/address"
)

// ContactID numbers a contact; zero is none.
type ContactID uint64

// ContactKind says what a person is to the desk.
type ContactKind string

// The kinds of contact.
const (
	KindAgent    ContactKind = "agent"
	KindUser     ContactKind = "user"
	KindSupplier ContactKind = "supplier"
)

// ParseContactKind reads a kind as a person types it.
func ParseContactKind(s string) (ContactKind, error) {
	switch k := ContactKind(s); k {
	case KindAgent, KindUser, KindSupplier:
		return k, nil
	}
	return "", fmt.Errorf("%q is not a kind of contact: use agent, user or supplier", s)
}

// Contact is a person the desk knows, by one or more addresses. An address
// belongs to at most one contact.
type Contact struct {
	ID           ContactID         `json:"id"`
	Kind         ContactKind       `json:"kind"`
	Name         string            `json:"name"`
	Addresses    []address.Address `json:"addresses"` // the first is where mail goes
	Organisation string            `json:"organisation,omitempty"`
	// Mailboxes are the keys of the mailboxes an agent works in; none means all.
	Mailboxes []string `json:"mailboxes,omitempty"`
}

// Has reports whether a is one of the contact's addresses.
func (c *Contact) Has(a address.Address) bool {
	return c != nil && slices.ContainsFunc(c.Addresses, a.Equal)
}

// AgentOf reports whether the contact is an agent who works in the mailbox.
func (c *Contact) AgentOf(mailbox string) bool {
	return c != nil && c.Kind == KindAgent && (len(c.Mailboxes) == 0 || slices.Contains(c.Mailboxes, mailbox))
}
