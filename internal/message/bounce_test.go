package message

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/address"
)

// fate is a recipient as the tests of words write it.
func fates(m *Message) (list []string) {
	if m.Bounce == nil {
		return nil
	}
	for _, r := range m.Bounce.Recipients {
		list = append(list, strings.Join([]string{r.Address, r.Action, r.Status, r.Kind}, " "))
	}
	return list
}

// TestBounceWords reads notices without a report part, a form each.
func TestBounceWords(t *testing.T) {
	const daemon = "From: MAILER-DAEMON@mx.example.net\nTo: support@desk.test\nSubject: Undelivered mail\n\n"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"two on one line": {
			"The following addresses failed:\n\n  <a@example.org>, <b@example.org>\n\n550 5.1.1 no such users",
			[]string{"a@example.org failed 5.1.1 hard", "b@example.org failed 5.1.1 hard"},
		},
		"bullets": {
			"Your message could not be delivered to:\n\n* a@example.org: 550 5.1.1 user unknown\n* b@example.org: 552 5.2.2 over quota\n",
			[]string{"a@example.org failed 5.1.1 hard", "b@example.org failed 5.2.2 full"},
		},
		"in a sentence": {
			"I could not deliver your message to a@example.org because the mailbox is full.\nContact help@example.net for help.",
			[]string{"a@example.org failed 5.2.2 full"},
		},
		"reason with a colon before": {
			"unknown user: a@example.org\n",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"unknown host": {
			"Could not deliver.\nunknown host: a@nowhere.example\n",
			[]string{"a@nowhere.example failed 5.1.2 hard"},
		},
		"only a dialogue": {
			"Delivery failed.\n\n>>> MAIL FROM:<support@desk.test>\n<<< 250 ok\n>>> RCPT TO:<a@example.org>\n<<< 550 5.2.1 mailbox disabled\n",
			[]string{"a@example.org failed 5.2.1 soft"},
		},
		"expanded alias": {
			"   ----- The following addresses had permanent fatal errors -----\n<b@example.org>\n    (reason: 550 5.1.1 user unknown)\n    (expanded from: <a@example.org>)\n",
			[]string{"b@example.org failed 5.1.1 hard", "a@example.org failed 5.1.1 hard"},
		},
		"postmaster is no recipient": {
			"Delivery failed.\n\n<a@example.org>: user unknown\n\nWrite to postmaster@example.net if you need help.",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"sender is no recipient": {
			"A message from support@desk.test could not be delivered.\n\na@example.org\n   no such user",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"mail that came back is not read": {
			"Failed:\n\n<a@example.org>: no such user\n\n--- Original message ---\nReceived: from x\nTo: b@example.org\n\n<c@example.org>: hello",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"delayed": {
			"Your message has not yet been delivered to:\n\n  a@example.org\n\nconnection timed out. Delivery attempts will continue.",
			[]string{"a@example.org delayed 4.4.1 soft"},
		},
		"expired": {
			"The following address(es) failed:\n\n  a@example.org\n    retry timeout exceeded\n",
			[]string{"a@example.org failed 4.4.7 soft"},
		},
		"Gmail in Spanish": {
			"** No se ha encontrado la dirección **\n\nTu mensaje no se ha entregado a a@example.org porque no se ha encontrado la dirección.\n",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"numbered": {
			"The following recipients failed:\n\n1. a@example.org - 550 5.1.1 no such user\n2. b@example.org - 550 5.7.1 rejected as spam\n",
			[]string{"a@example.org failed 5.1.1 hard", "b@example.org failed 5.7.1 spam"},
		},
		"failed and delayed": {
			"   ----- The following addresses had permanent fatal errors -----\n<a@example.org>\n    (reason: 550 5.1.1 unknown)\n\n   ----- The following addresses had transient non-fatal errors -----\n<b@example.org>\n    (reason: 451 4.7.1 greylisted)\n",
			[]string{"a@example.org failed 5.1.1 hard", "b@example.org delayed 4.7.1 soft"},
		},
		"too large": {
			"<a@example.org>: message size exceeds limit\n",
			[]string{"a@example.org failed 5.3.4 soft"},
		},
		"X.400": {
			"did not reach the following recipient(s):\n\nc=US;a= ;p=EX;o=HQ;dda:SMTP=a@example.org; on Mon\n   The recipient name is not recognized\n",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"encapsulated by Exchange": {
			"could not be delivered:\n\nIMCEAINVALID-a+40example+2Eorg@hq.example.net\n   Unknown recipient",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"display name and link": {
			"Delivery has failed to these recipients or groups:\n\nAnn Example<mailto:a@example.org>\nThe recipient's mailbox is full and can't accept messages now.\n",
			[]string{"a@example.org failed 5.2.2 full"},
		},
		"Smail": {
			"|------------------------- Message log follows: -------------------------|\n no valid recipients were found for this message\n|------------------------- Failed addresses follow: ---------------------|\n <a@example.org> ... unknown local-part\n|------------------------- Message text follows: (body follows) -----------|\nReceived: x\nTo: b@example.org\n",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"CommuniGate": {
			"Failed to deliver to '<a@example.org>'\nLOCAL module(account ann) reports:\n account is full (quota exceeded)\n",
			[]string{"a@example.org failed 5.2.2 full"},
		},
		"a label that ends in recipient": {
			"Undeliverable Address: a@example.org\nReason: The recipient is over disk quota\n\nOriginal message attached.",
			[]string{"a@example.org failed 5.2.2 full"},
		},
		"arrows and the address twice": {
			"  ----- The following addresses had permanent fatal errors -----\n\n>>> a@example.org <a@example.org>\n\n  ----- Transcript of session follows -----\n550 sorry, no mailbox here by that name (#5.1.1 - chkusr)\n",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"Exchange with a name and no address of its own": {
			"The following recipient(s) could not be reached:\n\n      Ann Example on 3/2/2026 8:30 AM\n            There was a SMTP communication problem with the recipient's email server.\n            <mail.example.org #5.5.0 smtp;550 5.1.1 <a@example.org> user unknown>\n",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"phone company": {
			"Message could not be delivered to mobile.\nError: No valid recipients for this MM\n\nMESSAGE DETAILS\nDate: Mon, 2 Mar 2026\nTo: 5550100@phone.example\nFrom: support@desk.test\n",
			[]string{"5550100@phone.example failed 5.1.1 hard"},
		},
		"rejected recipient in a sentence": {
			"We had trouble delivering your message. Full details follow:\n\nSubject: 'hello'\n\n1 error(s):\n\nSMTP Server <mx.example.org> rejected recipient <a@example.org>\n  (following RCPT command). It said as follows:\n\n  550 5.1.1 no such person\n",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"gateway that tried to send": {
			"Your message could not be sent.\nA transcript of the attempts to send the message follows.\nThe number of attempts made: 1\nAddressed To: a@example.org\n\nMon 02 Mar 2026 08:30:00 +0000\nFailed to send to identified host,\na@example.org: [192.0.2.5], 550 a@example.org... No such user\n--- Message non-deliverable.\n",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"address and reason in brackets": {
			"--- The following addresses had delivery problems ---\n\n<a@example.org>   (User unknown a@example.org)\n",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"an error delivering to": {
			"This is the mail agent at mx.example.net.\n\nThere was an error delivering your mail to <a@example.org>.\n\nmx.example.org did not like our RCPT TO:\n552 5.2.2 <a@example.org>: Recipient address rejected: Mailbox full\n\nMessage headers follow.\n",
			[]string{"a@example.org failed 5.2.2 full"},
		},
		"queue that waits": {
			"Your message has been enqueued and undeliverable for 4 hours to the following recipients:\n\n  Recipient address: a@example.org\n  Reason: unable to deliver this message after 4 hours\n\nThe mail system will continue to try to deliver your message for an additional 68 hours.\n",
			[]string{"a@example.org delayed 4.0.0 soft"},
		},
		"a success": {
			"Your message has been successfully delivered to the following recipients:\n\n<a@example.org>\n",
			[]string{"a@example.org delivered 2.0.0 unknown"},
		},
		"microsoft transcript": {
			"------Transcript of session follows -------\na@example.org\nThe user's email name is not found.\n\n-------Message headers follow -------\nFrom: support@desk.test\n",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"same reason for several": {
			"No valid recipients:\n\n<a@example.org>\n<b@example.org>\n\nThe accounts do not exist: 550 5.1.1 user unknown\n",
			[]string{"a@example.org failed 5.1.1 hard", "b@example.org failed 5.1.1 hard"},
		},
		"reasons between several": {
			"Could not be delivered:\n\na@example.org\n    550 5.1.1 user unknown\n\nb@example.org\n    connection timed out\n\nc@example.org\n    552 5.2.2 mailbox full\n",
			[]string{"a@example.org failed 5.1.1 hard", "b@example.org failed 4.4.1 soft", "c@example.org failed 5.2.2 full"},
		},
		"status in brackets": {
			"[Status: Error, Address: <a@example.org>, ResponseCode 421, , Host not reachable.]\n",
			[]string{"a@example.org failed 4.4.1 soft"},
		},
		"subject and recipient first": {
			"Your message:\n\n  Subject: hello\n  To: a@example.org\n\nhas not been delivered: the domain does not exist.\n",
			[]string{"a@example.org failed 5.1.2 hard"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := read(daemon + c.text)
			if d := cmp.Diff(c.want, fates(m)); d != "" || m.Class != Bounce {
				t.Errorf("class %s %v\n%s\n%+v", m.Class, m.Reasons, d, m.Bounce)
			}
		})
	}
}

// TestBounceLanguages reads notices that are not in English.
func TestBounceLanguages(t *testing.T) {
	const daemon = "From: MAILER-DAEMON@mx.example.net\nTo: support@desk.test\nSubject: x\n\n"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"Swedish":    {"Meddelandet kunde inte levereras till:\n\na@example.org\nMottagaren finns inte\n", []string{"a@example.org failed 5.1.1 hard"}},
		"Danish":     {"Meddelelsen kunne ikke leveres til:\n\n<a@example.org>\nUkendt bruger\n", []string{"a@example.org failed 5.1.1 hard"}},
		"Finnish":    {"Viestiä ei voitu toimittaa vastaanottajalle: a@example.org\nTuntematon vastaanottaja\n", []string{"a@example.org failed 5.1.1 hard"}},
		"Czech":      {"Zprávu nelze doručit příjemci:\n\na@example.org\nUživatel neexistuje\n", []string{"a@example.org failed 5.1.1 hard"}},
		"Turkish":    {"İletiniz teslim edilemedi.\n\nAlıcı: a@example.org\nbilinmeyen kullanıcı\n", []string{"a@example.org failed 5.1.1 hard"}},
		"Korean":     {"다음 수신자에게 배달할 수 없습니다.\n\na@example.org\n편지함이 가득 찼습니다\n", []string{"a@example.org failed 5.2.2 full"}},
		"French":     {"Votre message n'a pas pu être remis à :\n\na@example.org\nDestinataire inconnu\n", []string{"a@example.org failed 5.1.1 hard"}},
		"Spanish":    {"No se pudo entregar el mensaje a: a@example.org\nEl buzón está lleno\n", []string{"a@example.org failed 5.2.2 full"}},
		"Italian":    {"Impossibile recapitare il messaggio a:\n\n a@example.org\n\nCasella piena\n", []string{"a@example.org failed 5.2.2 full"}},
		"Portuguese": {"Não foi possível entregar a mensagem para a@example.org: usuário desconhecido\n", []string{"a@example.org failed 5.1.1 hard"}},
		"Dutch":      {"Uw bericht kon niet worden bezorgd bij:\n\n<a@example.org>\nOnbekende gebruiker\n", []string{"a@example.org failed 5.1.1 hard"}},
		"Polish":     {"Nie można dostarczyć wiadomości do:\n\n<a@example.org>: użytkownik nie istnieje\n", []string{"a@example.org failed 5.1.1 hard"}},
	} {
		if m := read(daemon + c.text); !slices.Equal(c.want, fates(m)) || m.Class != Bounce {
			t.Errorf("%s: class %s %v, %q, want %q", name, m.Class, m.Reasons, fates(m), c.want)
		}
	}
}

// TestBounceReports reads reports after RFC 3464 in broken forms.
func TestBounceReports(t *testing.T) {
	const head = "From: MAILER-DAEMON@mx.example.net\nTo: support@desk.test\nSubject: Undelivered mail\nContent-Type: multipart/report; boundary=x\n\n--x\n\nfailed\n--x\nContent-Type: message/delivery-status\n\n"
	for name, c := range map[string]struct {
		status string
		want   []string
	}{
		"original recipient counts": {
			"Original-Recipient: rfc822;a@example.org\nFinal-Recipient: rfc822;b@inner\nAction: failed\nStatus: 5.1.1\n",
			[]string{"a@example.org failed 5.1.1 hard"},
		},
		"final recipient is a program": {
			"Final-Recipient: rfc822; |/usr/bin/filter\nX-Actual-Recipient: rfc822; a@example.org\nAction: failed\nStatus: 5.3.0\n",
			[]string{"a@example.org failed 5.3.0 soft"},
		},
		"final recipient without a domain": {
			"Reporting-MTA: dns; mx.example.net\n\nFinal-Recipient: LOCAL; ann\nAction: failed\nStatus: 5.1.1\n",
			[]string{"ann@mx.example.net failed 5.1.1 hard"},
		},
		"no type":                {"Final-Recipient: a@example.org\nAction: failed\nStatus: 5.1.1\n", []string{"a@example.org failed 5.1.1 hard"}},
		"no status":              {"Final-Recipient: rfc822;a@example.org\nAction: failed\nDiagnostic-Code: smtp; 550 mailbox is full\n", []string{"a@example.org failed 5.2.2 full"}},
		"no action":              {"Final-Recipient: rfc822;a@example.org\nStatus: 4.2.2\n", []string{"a@example.org delayed 4.2.2 full"}},
		"code 421 only":          {"Final-Recipient: rfc822;a@example.org\nAction: delayed\nDiagnostic-Code: smtp; 421 closing\n", []string{"a@example.org delayed 4.4.2 soft"}},
		"generic status":         {"Final-Recipient: rfc822;a@example.org\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550-5.1.1 gone\n", []string{"a@example.org failed 5.1.1 hard"}},
		"specific status stays":  {"Final-Recipient: rfc822;a@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.7.1 no\n", []string{"a@example.org failed 5.1.1 hard"}},
		"time over says less":    {"Final-Recipient: rfc822;a@example.org\nAction: failed\nStatus: 4.4.7\nDiagnostic-Code: smtp; 452 4.2.2 full\n", []string{"a@example.org failed 4.2.2 full"}},
		"address is no status":   {"Final-Recipient: rfc822;a@example.org\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 host 5.1.1.7 said no\n", []string{"a@example.org failed 5.0.0 unknown"}},
		"blank lines everywhere": {"\n\nReporting-MTA: x\n\n\n\nFinal-Recipient: rfc822;a@example.org\n\n\nAction: failed\nStatus: 5.1.1\n\n\nFinal-Recipient: rfc822;b@example.org\nAction: failed\nStatus: 5.1.1\n", []string{"a@example.org failed 5.0.0 unknown", "b@example.org failed 5.1.1 hard"}},
		"delivered":              {"Final-Recipient: rfc822;a@example.org\nAction: delivered\nStatus: 2.0.0\n", []string{"a@example.org delivered 2.0.0 unknown"}},
		"twice the same":         {"Final-Recipient: rfc822;a@example.org\nAction: failed\nStatus: 5.1.1\n\nFinal-Recipient: rfc822;A@example.org\nAction: failed\nStatus: 5.1.1\n", []string{"a@example.org failed 5.1.1 hard"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := read(head + c.status + "--x--\n")
			if d := cmp.Diff(c.want, fates(m)); d != "" || m.Class != Bounce {
				t.Errorf("class %s %v\n%s\n%+v", m.Class, m.Reasons, d, m.Bounce)
			}
		})
	}
}

// TestBounceSenders sends the same words from those who may write them.
func TestBounceSenders(t *testing.T) {
	const words = "\n\nYour message could not be delivered:\n\n<a@example.org>: 550 5.1.1 user unknown\n"
	for from, want := range map[string]Class{
		"MAILER-DAEMON@mx.example.org\nSubject: x":                                             Bounce,
		"Mail Delivery Subsystem <x1@mx.example.org>\nSubject: Returned mail":                  Bounce,
		"Post_Master@mx.example.org\nSubject: Undeliverable message":                           Bounce,
		"postmaster@mx.example.org\nSubject: Undeliverable message":                            Bounce,
		"Microsoft Outlook <MicrosoftExchange329e71ec88ae46@example.org>\nSubject: x":          Bounce,
		"System Administrator <sys@example.org>\nReturn-Path: <>\nSubject: Undeliverable: x":   Bounce,
		"<>\nReturn-Path: <>\nSubject: Unzustellbar: x":                                        Bounce,
		"Filter <filter@example.org>\nAuto-Submitted: auto-replied\nSubject: Undeliverable: x": Bounce,
		"Ann <ann@example.org>\nSubject: Undeliverable: x":                                     Human,
		"postmaster@mx.example.org\nSubject: Re: Undeliverable message":                        Human,
		"System Administrator <ann@example.org>\nSubject: Returned mail":                       Human,
	} {
		if m := read("From: " + from + words); m.Class != want {
			t.Errorf("from %q: class %s %q, want %s", from, m.Class, m.Reasons, want)
		}
	}
}

func TestAboutWhich(t *testing.T) {
	const head = "From: MAILER-DAEMON@mx.example.net\nSubject: failure notice\nIn-Reply-To: <answered@desk.test>\nReferences: <old@desk.test>\n"
	for name, c := range map[string]struct{ raw, want string }{
		"the mail that came back": {head + "Content-Type: multipart/mixed; boundary=x\n\n--x\n\ndelivery failed\n--x\nContent-Type: message/rfc822\n\nX-Message-ID: no\nMessage-ID: <1@desk.test>\n\nMessage-ID: <2@desk.test>\n--x--", "1@desk.test"},
		"in base64":               {head + "Content-Type: multipart/mixed; boundary=x\n\n--x\n\ndelivery failed\n--x\nContent-Type: text/rfc822-headers\nContent-Transfer-Encoding: base64\n\nTWVzc2FnZS1JRDogPDFAZGVzay50ZXN0Pgo=\n--x--", "1@desk.test"},
		"quoted in the words":     {head + "\nnot delivered\n\n> From: us\n> Message-Id:\n>  <1@desk.test>\n", "1@desk.test"},
		"what it answers":         {head + "\nnot delivered\n", "answered@desk.test"},
		"nothing":                 {"From: MAILER-DAEMON@mx.example.net\nSubject: failure notice\n\nnot delivered\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := read(c.raw)
			if m.Bounce == nil || m.Bounce.MessageID != c.want {
				t.Errorf("%+v, want %q", m.Bounce, c.want)
			}
		})
	}
}

func TestReasons(t *testing.T) {
	for words, want := range map[string]reason{
		"": noReason, "hello": noReason,
		"550 5.1.1 <a@b.example>: Recipient address rejected: User unknown in local recipient table": userUnknown,
		"554 delivery error: dd This user doesn't have an account":                                   userUnknown,
		"452 4.2.2 The email account that you tried to reach is over quota":                          mailboxFull,
		"550 5.2.1 The email account that you tried to reach is disabled":                            mailboxDisabled,
		"554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.example":            spamRefused,
		"550 5.7.26 This mail is unauthenticated: DMARC policy reject":                               spamRefused,
		"550 SPF check failed":                              spamRefused,
		"554 5.7.1 <a@b.example>: Relay access denied":      relayRefused,
		"450 4.2.0 <a@b.example>: Greylisted, try later":    putOff,
		"552 5.3.4 Message size exceeds fixed maximum":      tooLarge,
		"Host or domain name not found. Name service error": hostUnknown,
		"connect to mx.example[192.0.2.1]:25: timed out":    noAnswer,
		"554 5.4.6 Too many hops":                           mailLoop,
		"451 4.3.0 internal error":                          systemError,
		"553 5.1.8 <x@y>: Sender address rejected":          senderRefused,
		"421 4.7.28 unusual rate limit":                     putOff,
		"Das Postfach ist voll, Speicherplatz":              mailboxFull,
		"пользователь не найден":                            userUnknown,
		"メールボックスの容量を超えています":                                 mailboxFull,
		"邮箱不存在":                                             userUnknown,
		"17spf99rbl: said nothing of use":                   noReason,
	} {
		if got := reasonInWords(fold(words)); got != want {
			t.Errorf("%q is reason %d, want %d", words, got, want)
		}
	}
}

// TestBounceBounds sends what is made to cost much.
func TestBounceBounds(t *testing.T) {
	const daemon = "From: MAILER-DAEMON@mx.example.net\nSubject: failure notice\n"
	var groups, lines strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&groups, "Final-Recipient: rfc822;a%d@example.org\nAction: failed\nStatus: 5.1.1\n\n", i)
		fmt.Fprintf(&lines, "<a%d@example.org>: said no\n\n", i)
	}
	for name, raw := range map[string]string{
		"many groups":     daemon + "Content-Type: message/delivery-status\n\n" + groups.String(),
		"many lines":      daemon + "\nnot delivered\n" + lines.String(),
		"only at signs":   daemon + "\nnot delivered\n" + strings.Repeat("a@", 500_000),
		"one long line":   daemon + "\nnot delivered <a@example.org>: " + strings.Repeat("550 5.1.1 ", 100_000),
		"one recipient":   daemon + "\nnot delivered\n" + strings.Repeat("<a@example.org>: no\n", 50_000),
		"long field":      daemon + "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822;a@example.org\nDiagnostic-Code: smtp; " + strings.Repeat("x ", 100_000),
		"many carried":    daemon + "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nnot delivered\n" + strings.Repeat("--x\nContent-Type: text/plain; name=a\n\nReceived: x\nTo: a@example.org\n", 900),
		"no field at all": daemon + "Content-Type: message/delivery-status\n\n" + strings.Repeat("nothing\n", 30_000),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			m := read(raw)
			checkBounce(t, m)
			t.Logf("%d KiB in %v, %d recipients", len(raw)>>10, time.Since(start).Round(time.Millisecond), len(fates(m)))
		})
	}
}

// checkBounce holds what is true of every report, whatever the mail.
func checkBounce(t *testing.T, m *Message) {
	t.Helper()
	if m.Class == Human != (len(m.Reasons) == 0) {
		t.Errorf("class %s with reasons %q", m.Class, m.Reasons)
	}
	for _, why := range m.Reasons {
		if !utf8.ValidString(why) || len(why) > 2000 {
			t.Errorf("reason %q", why)
		}
	}
	if m.Bounce == nil {
		if m.Class == Bounce {
			t.Error("a bounce without a report")
		}
		return
	}
	if len(m.Bounce.Recipients) > maxBounced {
		t.Errorf("%d recipients", len(m.Bounce.Recipients))
	}
	if len(m.Bounce.Recipients) == 0 && !strings.Contains(strings.Join(m.Problems, "\n"), "names no recipient") && len(m.Problems) < maxProblems {
		t.Errorf("no recipient, and no word of it in %q", m.Problems)
	}
	for _, r := range m.Bounce.Recipients {
		if _, err := address.Parse(r.Address); err != nil {
			t.Errorf("recipient %q: %v", r.Address, err)
		}
		if !utf8.ValidString(r.Address+r.Status+r.Reply+m.Bounce.MessageID) || len(r.Reply) > 1100 || strings.ContainsAny(r.Reply+r.Address+m.Bounce.MessageID, "\r\n\x00") {
			t.Errorf("recipient %+v", r)
		}
		switch r.Action {
		case "failed", "delayed", "delivered", "relayed", "expanded", "complaint":
		default:
			t.Errorf("action %q", r.Action)
		}
		switch r.Kind {
		case "hard", "soft", "full", "spam", "unknown":
		default:
			t.Errorf("kind %q", r.Kind)
		}
		if r.Status == "" && r.Action != "complaint" {
			t.Errorf("no status: %+v", r)
		}
	}
}

// FuzzBounce reads reports: every field and every word of them is hostile.
func FuzzBounce(f *testing.F) {
	const status = "Reporting-MTA: dns; mx.example.org\n\nOriginal-Recipient: rfc822;a@example.org\nFinal-Recipient: rfc822; IMCEAINVALID-a+40b@c.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550-'5.1.1 no'\n"
	f.Add("failure notice", "<a@example.org>:\nno mailbox (#5.1.1)\n", status, "Message-ID: <1@desk.test>\nTo: b@example.org\n")
	f.Add("Warning: delayed", "Could not be delivered to: b@example.org\nAs their mailbox is full.", "", "")
	f.Add("Undeliverable", "following recipients:\n\tann\n>>> RCPT TO:<c@example.org>\n<<< 550 5.1.1 x", "Feedback-Type: abuse\nOriginal-Rcpt-To: a@b.example", "Received: x\n")
	f.Fuzz(func(t *testing.T, subject, words, status, returned string) {
		raw := "From: MAILER-DAEMON@mx.example.org\nTo: bounces+u=example.org@desk.test\nSubject: " + strings.NewReplacer("\n", " ", "\r", " ").Replace(subject) +
			"\nContent-Type: multipart/mixed; boundary=zq\n\n--zq\n\n" + words + "\n--zq\nContent-Type: message/delivery-status\n\n" + status +
			"\n--zq\nContent-Type: message/rfc822\n\n" + returned + "\n--zq--\n"
		m := read(raw)
		checkBounce(t, m)
		if again := read(raw); !reflect.DeepEqual(m.Bounce, again.Bounce) || !reflect.DeepEqual(m.Reasons, again.Reasons) {
			t.Error("read twice, with two results")
		}
	})
}

// FuzzClass reads whole mails for their class.
func FuzzClass(f *testing.F) {
	f.Add([]byte("From: a@example.org\nSubject: Automatic reply: x\nAuto-Submitted: (c) auto-generated; x\n\naway until Monday"))
	f.Add([]byte("From: noreply@example.org\nReply-To: a@example.org\nPrecedence: bulk\n\nplease do not reply"))
	f.Add([]byte("From: a@example.org\nContent-Type: multipart/report; report-type=\"feedback-report\"; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\nOriginal-Rcpt-To: x\n--b--"))
	f.Add([]byte("Return-Path: <>\nSubject: Read: x\nContent-Type: text/calendar; method=REPLY\n\nwas read on"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := readAll(raw)
		checkBounce(t, m)
		if again := readAll(bytes.Clone(raw)); again.Class != m.Class || !reflect.DeepEqual(m.Reasons, again.Reasons) {
			t.Errorf("class %s %q, then %s %q", m.Class, m.Reasons, again.Class, again.Reasons)
		}
		if c, why := m.Machine(true); c == Human || len(why) == 0 {
			t.Errorf("from the null sender: %s %q", c, why)
		}
	})
}
