package message

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClass(t *testing.T) {
	const from = "From: a@example.org\n"
	for name, c := range map[string]struct {
		raw  string
		want Class
	}{
		"a person":                  {from + "Subject: hello\n\nhi", Human},
		"Auto-Submitted: no":        {from + "Auto-Submitted: no\n\nhi", Human},
		"auto-replied":              {from + "Auto-Submitted: auto-replied (vacation)\n\nhi", AutoReply},
		"auto-generated":            {from + "Auto-Submitted: auto-generated\n\nhi", Notification},
		"unknown keyword":           {from + "Auto-Submitted: yes\n\nhi", AutoReply},
		"Precedence: bulk":          {from + "Precedence: bulk\n\nhi", Bulk},
		"Precedence: junk":          {from + "Precedence: Junk\n\nhi", Bulk},
		"Precedence: list":          {from + "Precedence: list\n\nhi", List},
		"Precedence: auto_reply":    {from + "Precedence: auto_reply\n\nhi", AutoReply},
		"Precedence: normal":        {from + "Precedence: normal\n\nhi", Human},
		"Exchange user":             {from + "X-Auto-Response-Suppress: OOF\n\nhi", Human},
		"Exchange out of office":    {from + "Subject: Automatic reply: x\nX-Auto-Response-Suppress: All\n\naway", AutoReply},
		"a person on vacation":      {from + "Subject: Out of office next week\n\nplease redirect my calls", Human},
		"X-Autoreply":               {from + "X-Autoreply: yes\n\nhi", AutoReply},
		"X-Autorespond":             {from + "X-Autorespond: x\n\nhi", AutoReply},
		"passed on by a rule":       {from + "X-MS-Exchange-Inbox-Rules-Loop: b@x\nSubject: Printer\n\nIt is broken.", Human},
		"away, by a rule":           {from + "X-MS-Exchange-Inbox-Rules-Loop: b@x\nSubject: Out of Office\n\nBack on Monday.", AutoReply},
		"about automatic replies":   {from + "Subject: Automatic reply does not work: why?\n\nhi", Human},
		"away and wants something":  {from + "Subject: On vacation until Monday\n\nI am on vacation until Monday. Can you unlock my account? It is urgent.", Human},
		"away, from a program":      {from + "Subject: On vacation until Monday\n\nI am on vacation until Monday. In urgent cases please contact Bob. I will reply as soon as I am back.", AutoReply},
		"another subject in answer": {from + "In-Reply-To: <1@x>\nSubject: Absence of Bob\n\nWho does his work?", Human},
		"Auto-Submitted, comment":   {from + "Auto-Submitted: (by us) Auto-Replied (x); owner=\"a\"\n\nhi", AutoReply},
		"Auto-Submitted twice":      {from + "Auto-Submitted: no\nAuto-Submitted: auto-generated\n\nhi", Notification},
		"please verify, a person":   {from + "Subject: Please verify my account\n\nYour answer was in my junk email. Please whitelist me.", Human},
		"a mail server's team":      {"From: Mail Server Team <ann@example.org>\nSubject: Mail delivery problems\n\nMail could not be delivered to you yesterday.", Human},
		"invitation without words":  {from + "Content-Type: text/calendar; method=REQUEST\n\nBEGIN", Calendar},
		"method in the calendar":    {from + "Content-Type: text/calendar\n\nBEGIN:VCALENDAR\nMETHOD:REPLY\nEND:VCALENDAR", Calendar},
		"how to be out of office":   {from + "Subject: Out of office setup in Outlook\n\nHow do I set my out of office reply?", Human},
		"an answer in the subject":  {from + "Subject: Out of office Re: Printer\n\nBack on Monday.", AutoReply},
		"out of office, a program":  {from + "Subject: Out of office: Printer\n\nBack on Monday.", AutoReply},
		"qmail's autorespond":       {from + "Delivered-To: Autoresponder\nSubject: thanks\n\nhi", AutoReply},
		"another desk's new ticket": {from + "Subject: [Ticket#17] Printer\n\nWe have received your request.\nThis is an automated message.", AutoReply},
		"acknowledgement passed on": {from + "Subject: Fwd: [Ticket#17] Printer\n\nWhat is this?\n\n---------- Forwarded message ---------\nFrom: x@example.com\nDate: Mon, 2 Mar 2026\nSubject: [Ticket#17]\nTo: ann@example.org\n\nWe have received your request.\nThis is an automated message.", Human},
		"a supplier's kind answer":  {from + "In-Reply-To: <1@x>\nSubject: Re: Toner\n\nThank you for contacting us. We have received your order and ship it as soon as possible. Bob", Human},
		"counter proposal":          {from + "Content-Type: text/calendar; method=COUNTER\n\nBEGIN", Calendar},
		"report passed on":          {from + "Subject: Fwd: Undeliverable\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nwhat is this?\n--x\nContent-Type: message/delivery-status\n\nA: b\n\nFinal-Recipient: rfc822;a@b.org\nStatus: 5.1.1\n--x--", Human},
		"a receipt, typeless":       {from + "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nread\n--x\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;a@b.org\nDisposition: manual-action/MDN-sent-manually; displayed\n--x--", Disposition},
		"X-Loop":                    {from + "X-Loop: a@x\n\nhi", AutoReply},
		"List-Id":                   {from + "List-Id: <x.example.org>\nList-Unsubscribe: <x>\n\nhi", List},
		"List-Unsubscribe":          {from + "List-Unsubscribe: <https://x>\n\nhi", Bulk},
		"another desk's":            {from + LoopField + ": abc\n\nhi", Human},
		"challenge":                 {from + "X-Boxbe-Notice: x\n\nprove", Challenge},
		"invitation":                {from + "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhi\n--x\nContent-Type: text/calendar; method=REQUEST\n\nBEGIN\n--x--", Human},
		"answer to an invitation":   {from + "Content-Type: text/calendar; method=REPLY\n\nBEGIN", Calendar},
		"delivery report":           {from + "Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n--x\n\nno\n--x\nContent-Type: message/delivery-status\n\nA: b\n\nFinal-Recipient: rfc822;a@b.org\nStatus: 5.1.1\n--x--", Bounce},
		"read receipt":              {from + "Content-Type: multipart/report; report-type=disposition-notification; boundary=x\n\n--x\n\nread\n--x--", Disposition},
		"complaint":                 {from + "Content-Type: multipart/report; report-type=feedback-report; boundary=x\n\n--x\n\nspam\n--x--", Notification},
		"a failure in words":        {"From: MAILER-DAEMON@example.org\nSubject: failure notice\n\nI wasn't able to deliver.\n\n<b@example.net>:\nno such user\n", Bounce},
		"a person at postmaster":    {"From: postmaster@example.org\nSubject: your relay is open\n\nplease close it", Human},
		"a person quotes a failure": {from + "Subject: Undeliverable: x\n\nwhat is this? could not be delivered to b@example.net", Human},
		"a bounce through a list":   {"From: MAILER-DAEMON@example.org\nList-Id: <x>\nSubject: failure notice\n\n<b@example.net>:\nno such user\n", Bounce},
	} {
		t.Run(name, func(t *testing.T) {
			m := read(c.raw)
			if m.Class != c.want {
				t.Errorf("class %s (%v), want %s", m.Class, m.Reasons, c.want)
			}
			if (m.Class == Human) != (len(m.Reasons) == 0) {
				t.Errorf("class %s with reasons %q", m.Class, m.Reasons)
			}
		})
	}
}

func TestMachine(t *testing.T) {
	m := read("From: a@example.org\n\nhi")
	if c, why := m.Machine(true); c != AutoReply || len(why) == 0 {
		t.Errorf("from the null sender: %s %v", c, why)
	}
	if c, _ := m.Machine(false); c != Human {
		t.Errorf("from a person: %s", c)
	}
	m = read("List-Id: <x>\n\nhi")
	if c, why := m.Machine(true); c != List || len(why) != 2 || len(m.Reasons) != 1 {
		t.Errorf("a list: %s %v", c, why)
	}
}

func TestBounceReport(t *testing.T) {
	m := read(`From: MAILER-DAEMON@example.org
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x

could not be delivered
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Original-Recipient: rfc822;a@example.net
Final-Recipient: rfc822;a.b@internal.example.net
Action: failed
Status: 5.0.0
Diagnostic-Code: smtp; 550 5.1.1 no
 such user

Final-Recipient: rfc822; c@example.net
Action: delayed
Status: 4.2.2
Diagnostic-Code: smtp; mailbox full
--x
Content-Type: text/rfc822-headers

Subject: x
Message-ID:
 <1@desk.example.org>
--x--
`)
	want := &BounceReport{MessageID: "1@desk.example.org", Recipients: []BouncedRecipient{
		{Address: "a@example.net", Action: "failed", Status: "5.1.1", Reply: "550 5.1.1 no such user", Kind: "hard"},
		{Address: "c@example.net", Action: "delayed", Status: "4.2.2", Reply: "mailbox full", Kind: "full"},
	}}
	if d := cmp.Diff(want, m.Bounce); d != "" {
		t.Error(d)
	}
}

func TestBounceKind(t *testing.T) {
	for _, c := range []struct{ status, reply, want string }{
		{"5.1.1", "", "hard"},
		{"5.1.10", "", "hard"},
		{"5.1.8", "bad sender address", "unknown"},
		{"4.4.1", "", "soft"},
		{"5.2.2", "", "full"},
		{"4.2.2", "", "full"},
		{"5.1.1", "mailbox is full", "full"},
		{"5.7.1", "message looks like spam", "spam"},
		{"5.7.26", "SPF and DKIM did not pass: unauthenticated", "spam"},
		{"5.7.1", "", "spam"},
		{"5.0.0", "user unknown", "hard"},
		{"", "", "unknown"},
	} {
		b := BouncedRecipient{Status: c.status, Reply: c.reply}
		if b.finish(); b.Kind != c.want {
			t.Errorf("%s %q is %s, want %s", c.status, c.reply, b.Kind, c.want)
		}
	}
}
