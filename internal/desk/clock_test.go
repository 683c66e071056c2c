package desk

import (
	"testing"
	"time"
)

// A mail that comes again is known whatever the clock was set to meanwhile, back
// by any time or forward by less than the days for which mails are known; and
// other mail is taken at any time. What was taken while the clock was behind by
// more than those days counts as that old when it is right again.
func TestClockIsSet(t *testing.T) {
	const day = 24 * time.Hour
	for name, by := range map[string]time.Duration{
		"forward an hour": time.Hour, "forward a day": day, "forward six days": 6 * day,
		"back an hour": -time.Hour, "back a day": -day, "back a month": -30 * day, "back a year": -365 * day, "back to 1970": time.Unix(60, 0).Sub(start),
	} {
		t.Run(name, func(t *testing.T) {
			h := newStaffed(t)
			l := letter{From: ann, Subject: "x", Body: "one", ID: "same@sender.example"}
			first := h.take(l)
			sent := len(h.items())
			h.now = start.Add(by)
			if again := h.take(l); again != (Receipt{"duplicate", first.Ticket, first.Tag}) {
				t.Errorf("sent again: %+v", again)
			}
			if n := len(h.items()); n != sent {
				t.Errorf("a mail that came again made %d more", n-sent)
			}
			other := letter{From: ann, Subject: "y", Body: "two", ID: "other@sender.example"}
			next := h.take(other)
			if next.Outcome != "new" || next.Ticket != first.Ticket+1 {
				t.Errorf("another mail: %+v", next)
			}
			h.now = start // the clock is right again
			first.Outcome, next.Outcome = "duplicate", "duplicate"
			if got := h.take(l); got != first {
				t.Errorf("with the clock right again: %+v, want %+v", got, first)
			}
			if got := h.take(other); got != next && by.Abs() < 7*day {
				t.Errorf("with the clock right again: %+v, want %+v", got, next)
			}
		})
	}
}
