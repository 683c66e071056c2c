package ticketstore

import (
	"strings"

	"mxdesk/internal/address"
)

// What is stored of each type, by the numbers of its fields. A number stays with
// its field for good; a new field takes the next one and stands at the end.

func (t *Ticket) fields(c *coder) {
	number(c, 1, &t.ID)
	word(c, 2, &t.Type)
	text(c, 3, &t.Mailbox)
	c.texts(4, &t.Linked)
	text(c, 5, &t.Subject)
	word(c, 6, &t.Status)
	word(c, 7, &t.Priority)
	c.nested(8, (*mailbox)(&t.Requester))
	c.address(9, &t.Assignee)
	c.address(10, &t.Supplier)
	text(c, 11, &t.SupplierRef)
	several(c, 12, &t.Followers, func(m *address.Mailbox) *mailbox { return (*mailbox)(m) })
	c.pairs(13, &t.Fields)
	c.texts(14, &t.Labels)
	c.texts(15, &t.Marks)
	number(c, 16, &t.Candidate)
	c.time(17, &t.Created)
	c.time(18, &t.Updated)
	c.time(19, &t.Closed)
	number(c, 20, &t.MergedInto)
	number(c, 21, &t.LastSeq)
	number(c, 22, &t.Version)
	c.flag(23, &t.Acknowledged)
}

// mailbox is an address.Mailbox as it is stored.
type mailbox address.Mailbox

func (m *mailbox) fields(c *coder) {
	text(c, 1, &m.Name)
	c.address(2, &m.Address)
}

func (a *Action) fields(c *coder) {
	number(c, 1, &a.Ticket)
	number(c, 2, &a.Seq)
	c.time(3, &a.At)
	word(c, 4, &a.Direction)
	word(c, 5, &a.Outcome)
	c.nested(6, &a.Actor)
	word(c, 7, &a.Visibility)
	text(c, 8, &a.Subject)
	text(c, 9, &a.Text)
	c.part(10, &a.Fresh, a.Text)
	several(c, 12, &a.Attachments, (*Attachment).itself)
	number(c, 13, &a.Record)
	optional(c, 14, &a.Envelope)
	text(c, 15, &a.MessageID)
	c.texts(16, &a.References)
	optional(c, 17, &a.Verdict)
	word(c, 18, &a.Machine)
	c.flag(19, &a.Unreadable)
	optional(c, 20, &a.Match)
	c.pairs(21, &a.Captured)
	c.texts(22, &a.Trace)
}

// part is a text that most often is the whole of another one, and then not
// stored, or a run of it: then its length is, and in the next field where it
// begins. A store of short mails would else hold each of their words twice.
func (c *coder) part(field uint64, s *string, whole string) {
	if !c.reading {
		c.putPart(field, *s, whole)
		return
	}
	wire, ok := c.find(field)
	switch {
	case !ok:
		*s = whole
	case wire == asOctets:
		*s = string(c.run())
	case wire == asNumber:
		var begin uint64
		n := c.varint()
		number(c, field+1, &begin)
		if size := uint64(len(whole)); begin > size || n > size-begin {
			c.fail()
			return
		}
		*s = whole[begin : begin+n]
	default:
		c.fail()
	}
}

func (c *coder) putPart(field uint64, s, whole string) {
	if s == whole {
		return
	}
	at := strings.Index(whole, s)
	if at < 0 {
		c.putText(field, s)
		return
	}
	c.putNumber(field, uint64(len(s)))
	begin := uint64(at)
	number(c, field+1, &begin)
}

func (a *Actor) fields(c *coder) {
	word(c, 1, &a.Kind)
	text(c, 2, &a.Name)
	c.address(3, &a.Address)
}

func (a *Attachment) itself() *Attachment { return a }

func (a *Attachment) fields(c *coder) {
	text(c, 1, &a.Name)
	word(c, 2, &a.Type)
	number(c, 3, &a.Size)
	c.digits(4, &a.SHA256)
	c.flag(6, &a.Inline)
	text(c, 7, &a.ContentID)
	text(c, 8, &a.Path)
	word(c, 9, &a.Sniffed)
	c.flag(10, &a.Noise)
	text(c, 11, &a.Text)
}

func (m *Match) fields(c *coder) {
	word(c, 1, &m.By)
	text(c, 2, &m.Reason)
	several(c, 3, &m.Rejected, (*Rejected).itself)
}

func (r *Rejected) itself() *Rejected { return r }

func (r *Rejected) fields(c *coder) {
	word(c, 1, &r.By)
	number(c, 2, &r.Ticket)
	text(c, 3, &r.Reason)
}

func (e *Envelope) fields(c *coder) {
	text(c, 1, &e.Transaction)
	text(c, 2, &e.Connection)
	c.address(3, &e.From)
	c.addresses(4, &e.Recipients)
	text(c, 5, &e.ClientIP)
	text(c, 6, &e.Relay)
	text(c, 7, &e.Helo)
	word(c, 8, &e.TLS)
	word(c, 9, &e.Protocol)
	c.time(10, &e.Received)
	text(c, 11, &e.Trace)
	c.texts(12, &e.Distrusted)
}

func (v *Verdict) fields(c *coder) {
	c.nested(1, &v.SPF)
	several(c, 2, &v.DKIM, (*DKIMResult).itself)
	c.nested(3, &v.DMARC)
	c.nested(4, &v.ARC)
	word(c, 5, &v.Auth)
	c.flag(6, &v.Authenticated)
	text(c, 7, &v.Reason)
}

func (r *SPFResult) fields(c *coder) {
	word(c, 1, &r.Result)
	text(c, 2, &r.Domain)
	text(c, 3, &r.Reason)
}

func (r *DKIMResult) itself() *DKIMResult { return r }

func (r *DKIMResult) fields(c *coder) {
	word(c, 1, &r.Result)
	text(c, 2, &r.Domain)
	text(c, 3, &r.Selector)
	c.flag(4, &r.Aligned)
	text(c, 5, &r.Reason)
}

func (r *DMARCResult) fields(c *coder) {
	word(c, 1, &r.Result)
	text(c, 2, &r.Domain)
	word(c, 3, &r.Policy)
	text(c, 4, &r.Record)
	text(c, 5, &r.Reason)
}

func (r *ARCResult) fields(c *coder) {
	word(c, 1, &r.Result)
	text(c, 2, &r.Reason)
}

func (m *MailMeta) fields(c *coder) {
	number(c, 1, &m.Ticket)
	number(c, 2, &m.Action)
	number(c, 3, &m.Held)
	text(c, 4, &m.Mailbox)
	word(c, 5, &m.Outcome)
	c.nested(6, &m.Actor)
	word(c, 7, &m.Visibility)
	c.nested(8, &m.Envelope)
	c.nested(9, &m.Verdict)
}

func (p *place) fields(c *coder) {
	number(c, 1, &p.segment)
	number(c, 2, &p.offset)
	number(c, 3, &p.meta)
	number(c, 4, &p.body)
	digest := string(p.digest[:])
	if p.gone() {
		digest = ""
	}
	text(c, 5, &digest)
	copy(p.digest[:], digest)
}

func (s *Seen) fields(c *coder) { // the key is that of the entry
	c.time(1, &s.At)
	number(c, 2, &s.Ticket)
	number(c, 3, &s.Held)
	c.texts(4, &s.Mailboxes)
	word(c, 5, &s.Outcome)
	text(c, 6, &s.Told)
}

func (p *Contact) fields(c *coder) {
	number(c, 1, &p.ID)
	word(c, 2, &p.Kind)
	text(c, 3, &p.Name)
	c.addresses(4, &p.Addresses)
	text(c, 5, &p.Organisation)
	c.texts(6, &p.Mailboxes)
}

func (it *OutboxItem) fields(c *coder) {
	number(c, 1, &it.ID)
	number(c, 2, &it.Ticket)
	number(c, 3, &it.Action)
	word(c, 4, &it.Template)
	word(c, 5, &it.Audience)
	c.address(6, &it.To)
	c.address(7, &it.Return)
	text(c, 8, &it.MessageID)
	text(c, 9, &it.Header)
	number(c, 10, &it.Body)
	word(c, 11, &it.State)
	c.time(12, &it.Created)
	c.time(13, &it.Next)
	several(c, 14, &it.Attempts, (*Attempt).itself)
	text(c, 15, &it.Note)
	number(c, 16, &it.LeftOut)
}

func (a *Attempt) itself() *Attempt { return a }

func (a *Attempt) fields(c *coder) {
	c.time(1, &a.At)
	text(c, 2, &a.Host)
	text(c, 3, &a.Reply)
}

func (h *HeldMail) fields(c *coder) {
	number(c, 1, &h.ID)
	c.time(2, &h.At)
	number(c, 3, &h.Record)
	c.nested(4, &h.Envelope)
	c.nested(5, &h.Verdict)
	text(c, 6, &h.Mailbox)
	c.nested(7, (*mailbox)(&h.From))
	text(c, 8, &h.Subject)
	number(c, 9, &h.Ticket)
	text(c, 10, &h.Reason)
	word(c, 11, &h.State)
	number(c, 12, &h.Released)
	text(c, 13, &h.By)
	c.nested(14, &h.Match)
	c.pairs(15, &h.Captured)
}

// words are those that stand in many values, each stored as its place here. A
// word is never moved or taken out; new ones come behind the last.
var words = []string{
	// of tickets
	"incident", "opportunity", "project", "new", "open", "waiting", "on-hold", "solved", "closed", "low", "normal", "high", "urgent",
	// of actions
	"in", "out", "internal", "public", "supplier", "Opened by e-mail", "Opened by an agent", "User update", "Agent update", "Supplier update",
	"Auto-reply received", "Delivery failed", "Automatic mail received", "Status changed", "Ticket changed", "Assigned", "Note", "Supplier request",
	"Merged", "Acknowledgement", "Erased", "Lost", "End user", "Agent", "Supplier", "Unknown sender", "Mail system", "Desk",
	"auto-reply", "bounce", "disposition", "challenge", "list", "bulk", "calendar", "loop", "notification",
	"reply-address", "message-id", "tag", "retired-tag", "stored-message-id", "none",
	// of verdicts and envelopes
	"pass", "fail", "softfail", "neutral", "policy", "temperror", "permerror", "aligned", "quarantine", "reject",
	"SMTP", "ESMTP", "ESMTPS", "ESMTPSA", "LMTP", "LMTPS", "UTF8SMTP", "UTF8SMTPS", "UTF8LMTP", "UTF8LMTPS",
	"TLS 1.3 TLS_AES_128_GCM_SHA256", "TLS 1.3 TLS_AES_256_GCM_SHA384", "TLS 1.3 TLS_CHACHA20_POLY1305_SHA256",
	// of what is sent, held and seen
	"acknowledgement", "agent-reply", "user-update", "supplier-request", "user", "agent",
	"queued", "sending", "deferred", "delivered", "bounced", "suppressed", "held", "cancelled", "released", "dropped",
	"update", "duplicate", "refused",
	// of files
	"image/png", "image/jpeg", "image/gif", "application/pdf", "application/octet-stream", "text/plain", "text/html", "text/calendar", "message/rfc822",
}

// numbersOfWords are the places of words.
var numbersOfWords = places(words)

func places(list []string) map[string]uint64 {
	m := make(map[string]uint64, len(list))
	for i, w := range list {
		m[w] = uint64(i)
	}
	return m
}
