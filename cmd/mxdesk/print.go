package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mxdesk/internal/address"
	"mxdesk/internal/api"
	"mxdesk/ticketstore"
)

// Every text from outside goes through safe or block before it is printed: a
// mail must not be able to drive the terminal.

// safe makes a text one harmless line.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		return harmless(r)
	}, s)
}

// maxShown bounds a subject or a name on a line, in characters. JSON has all of
// it.
const maxShown = 200

// short is safe for what should not fill a screen.
func short(s string) string {
	n := 0
	for i := range s {
		if n++; n == maxShown {
			if _, size := utf8.DecodeRuneInString(s[i:]); i+size < len(s) {
				return safe(s[:i]) + "…"
			}
		}
	}
	return safe(s)
}

// nameAndAddress is a name, cut, and an address, whole.
func nameAndAddress(m address.Mailbox) string {
	m.Name = short(m.Name)
	return m.String()
}

// count is a number and its noun.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// block keeps the lines of a text, each behind an indent.
func block(s, indent string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return harmless(r)
	}, s)
	return indent + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n"+indent) + "\n"
}

func harmless(r rune) rune {
	if unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0x2029 {
		return unicode.ReplacementChar
	}
	return r
}

func when(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

func (e *env) ticketLine(t *api.Ticket) {
	fmt.Fprintf(e.stdout, "%s  %-8s %-10s %s  %-24s %s\n", t.ID, t.Status, safe(t.Type), when(t.Updated),
		safe(t.Requester.Address.String()), short(t.Subject))
}

// ticket prints a ticket without its actions.
func (e *env) ticket(t *api.Ticket) {
	p := func(label, value string) {
		if value != "" {
			fmt.Fprintf(e.stdout, "%-10s %s\n", label, safe(value))
		}
	}
	fmt.Fprintf(e.stdout, "%s %s\n", t.Tag, short(t.Subject))
	p("Status", string(t.Status)+", priority "+t.Priority)
	p("Type", t.Type)
	p("Mailbox", strings.Join(append([]string{t.Mailbox}, t.Linked...), ", "))
	p("Requester", nameAndAddress(t.Requester))
	p("Assignee", t.Assignee.String())
	p("Supplier", strings.TrimSpace(t.Supplier.String()+" "+t.SupplierRef))
	for _, f := range t.Followers {
		p("Follower", nameAndAddress(f))
	}
	for _, k := range slices.Sorted(maps.Keys(t.Fields)) {
		p("Field", k+" = "+t.Fields[k])
	}
	p("Marks", strings.Join(t.Marks, ", "))
	if t.MergedInto != 0 {
		p("Merged", "into "+t.MergedInto.String())
	}
	if t.Candidate != 0 {
		p("See also", t.Candidate.String())
	}
}

func (e *env) action(a *api.Action) {
	who := short(a.Actor.Name)
	if !a.Actor.Address.IsZero() {
		who += " <" + a.Actor.Address.String() + ">"
	}
	fmt.Fprintf(e.stdout, "\n#%d  %s  %s\n    %s (%s), %s\n", a.Seq, when(a.At), a.Outcome, safe(who), a.Actor.Kind, a.Visibility)
	if v := a.Verdict; v != nil {
		fmt.Fprintf(e.stdout, "    sender %s: %s\n", v.Auth, safe(v.Reason))
	}
	if a.Match != nil {
		fmt.Fprintf(e.stdout, "    match %s: %s\n", a.Match.By, safe(a.Match.Reason))
		for _, r := range a.Match.Rejected {
			fmt.Fprintf(e.stdout, "    not ticket %s (%s): %s\n", r.Ticket, r.By, safe(r.Reason))
		}
	}
	for _, f := range a.Attachments {
		fmt.Fprintf(e.stdout, "    attached %s (%s, %d octets)\n", short(f.Name), short(f.Type), f.Size)
	}
	text := a.Fresh
	if text == "" {
		text = a.Text
	}
	if strings.TrimSpace(text) != "" {
		fmt.Fprint(e.stdout, "\n", block(text, "    "))
	}
	for _, d := range a.Deliveries {
		fmt.Fprintf(e.stdout, "    → %s to %s: %s %s\n", d.Template, safe(d.To.String()), d.State, safe(d.Reply))
	}
}

func (e *env) itemLine(it *api.Item) {
	last := ""
	if n := len(it.Attempts); n > 0 {
		last = it.Attempts[n-1].Reply
	}
	fmt.Fprintf(e.stdout, "%6d  %s#%d  %-10s %-16s %-28s %s\n", it.ID, it.Ticket, it.Action, it.State, it.Template, safe(it.To.String()), short(last))
}

func (e *env) contactLine(c *ticketstore.Contact) {
	var addrs []string
	for _, a := range c.Addresses {
		addrs = append(addrs, a.String())
	}
	fmt.Fprintf(e.stdout, "%-8s %-24s %s", c.Kind, short(c.Name), safe(strings.Join(addrs, ", ")))
	if c.Organisation != "" {
		fmt.Fprintf(e.stdout, "  (%s)", short(c.Organisation))
	}
	if len(c.Mailboxes) > 0 {
		fmt.Fprintf(e.stdout, "  [%s]", strings.Join(c.Mailboxes, ", "))
	}
	fmt.Fprintln(e.stdout)
}

func (e *env) heldLine(h *ticketstore.HeldMail) {
	fmt.Fprintf(e.stdout, "%6d  %s  %-8s %-28s %s\n        %s\n", h.ID, when(h.At), h.State, safe(h.From.Address.String()), short(h.Subject), safe(h.Reason))
}
