package app

import (
	"cmp"

	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// Reread completes an action with what its raw mail says, as it was read when
// it came in: a repair makes lost actions again with it.
func Reread(a *ticketstore.Action, c ticketstore.Content) {
	limits := message.Limits{SkipHTML: true}
	h := message.ReadHeader(c, limits)
	m := message.Read(c, h, limits)
	a.Subject, a.Text, a.Fresh = m.Subject, m.Text, m.Fresh
	a.MessageID, a.References, a.Unreadable = m.MessageID, m.References, m.Unreadable
	if m.Class != message.Human {
		a.Machine = string(m.Class)
	}
	for _, at := range m.Attachments {
		a.Attachments = append(a.Attachments, ticketstore.Attachment(at))
	}
	if a.Actor.Kind == ticketstore.ActorUnknown && !m.From.Address.IsZero() {
		a.Actor.Name, a.Actor.Address = cmp.Or(m.From.Name, m.From.Address.String()), m.From.Address
	}
}
