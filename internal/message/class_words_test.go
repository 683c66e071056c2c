package message

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// absence is one language's way of being away: the subject that a program
// makes, what it says, and what a person says who goes away and wants
// something all the same.
var absences = map[string]struct{ subject, words, person string }{
	"English":    {"Automatic reply: Printer", "Thank you for your message. I am out of the office and will return on 9 March. In urgent cases please contact Bob.\n\nThis is an automatic reply.", "I am out of the office next week. Can you fix the printer?"},
	"German":     {"Automatische Antwort: Drucker", "Vielen Dank für Ihre Nachricht. Ich bin bis zum 9. März nicht im Büro. In dringenden Fällen wenden Sie sich an Bob. Dies ist eine automatische Antwort.", "Ich bin nächste Woche im Urlaub. Können Sie den Drucker reparieren?"},
	"French":     {"Réponse automatique : Imprimante", "Merci pour votre message. Je suis absent jusqu'au 9 mars. En cas d'urgence, veuillez contacter Bob. Ceci est un message automatique.", "Je suis en vacances la semaine prochaine. Pouvez-vous réparer l'imprimante ?"},
	"Spanish":    {"Respuesta automática: Impresora", "Gracias por su mensaje. Estoy fuera de la oficina hasta el 9 de marzo. Para asuntos urgentes, contacte con Bob. Mensaje automático.", "Estaré de vacaciones la semana que viene. ¿Pueden arreglar la impresora?"},
	"Portuguese": {"Resposta automática: Impressora", "Obrigado pela sua mensagem. Estou fora do escritório até 9 de março. Em caso urgente, contacte Bob. Resposta automática.", "Estarei de férias na próxima semana. Podem consertar a impressora?"},
	"Italian":    {"Risposta automatica: Stampante", "Grazie per il messaggio. Sono fuori ufficio fino al 9 marzo. Per urgenze contattare Bob. Risposta automatica.", "La prossima settimana sono in ferie. Potete riparare la stampante?"},
	"Dutch":      {"Automatisch antwoord: Printer", "Bedankt voor uw bericht. Ik ben afwezig tot en met 9 maart. Voor dringende zaken kunt u contact opnemen met Bob. Automatisch bericht.", "Ik ben volgende week met vakantie. Kunt u de printer maken?"},
	"Swedish":    {"Automatiskt svar: Skrivare", "Tack för ditt meddelande. Jag är på semester och åter den 9 mars. Kontakta Bob om det är brådskande. Automatiskt svar.", "Jag är på semester nästa vecka. Kan ni laga skrivaren?"},
	"Danish":     {"Autosvar: Printer", "Tak for din mail. Jeg er ikke på kontoret og er tilbage den 9. marts. Kontakt Bob, hvis det haster. Automatisk svar.", "Jeg er på ferie i næste uge. Kan I reparere printeren?"},
	"Norwegian":  {"Automatisk svar: Skriver", "Takk for e-posten. Jeg er på ferie og tilbake 9. mars. Kontakt Bob hvis det haster. Dette er et automatisk svar.", "Jeg er på ferie neste uke. Kan dere reparere skriveren?"},
	"Finnish":    {"Automaattinen vastaus: Tulostin", "Kiitos viestistäsi. Olen lomalla ja palaan 9. maaliskuuta. Kiireellisissä asioissa ota yhteyttä Bobiin. Automaattinen vastaus.", "Olen ensi viikolla lomalla. Voitteko korjata tulostimen?"},
	"Polish":     {"Automatyczna odpowiedź: Drukarka", "Dziękuję za wiadomość. Jestem na urlopie, wracam 9 marca. W pilnych sprawach proszę o kontakt z Bobem. Wiadomość automatyczna.", "W przyszłym tygodniu jestem na urlopie. Czy możecie naprawić drukarkę?"},
	"Czech":      {"Automatická odpověď: Tiskárna", "Děkuji za zprávu. Jsem na dovolené, vrátím se 9. března. V naléhavých případech kontaktujte Boba. Automatická odpověď.", "Příští týden jsem na dovolené. Můžete opravit tiskárnu?"},
	"Slovak":     {"Automatická odpoveď: Tlačiareň", "", "Budúci týždeň som na dovolenke. Môžete opraviť tlačiareň?"},
	"Hungarian":  {"Automatikus válasz: Nyomtató", "Köszönöm levelét. Szabadságon vagyok, március 9-én visszaérkezem. Sürgős esetben forduljon Bobhoz. Automatikus válasz.", "Jövő héten szabadságon leszek. Meg tudják javítani a nyomtatót?"},
	"Romanian":   {"Răspuns automat: Imprimanta", "Vă mulțumesc pentru mesaj. Sunt în concediu până pe 9 martie. Pentru urgențe contactați pe Bob. Răspuns automat.", "Săptămâna viitoare sunt în concediu. Puteți repara imprimanta?"},
	"Russian":    {"Автоматический ответ: Принтер", "Спасибо за письмо. Я в отпуске и вернусь 9 марта. По срочным вопросам обращайтесь к Бобу. Автоматический ответ.", "На следующей неделе я в отпуске. Почините, пожалуйста, принтер."},
	"Ukrainian":  {"Автоматична відповідь: Принтер", "Дякую за лист. Я у відпустці, повернусь 9 березня. Терміново звертайтесь до Боба. Автоматична відповідь.", "Наступного тижня я у відпустці. Полагодьте, будь ласка, принтер."},
	"Greek":      {"Αυτόματη απάντηση: Εκτυπωτής", "Ευχαριστώ για το μήνυμα. Είμαι εκτός γραφείου, θα επιστρέψω στις 9 Μαρτίου· η επιστροφή μου. Επικοινωνήστε με τον Bob. Αυτόματη απάντηση.", "Την επόμενη εβδομάδα είμαι σε άδεια. Μπορείτε να φτιάξετε τον εκτυπωτή;"},
	"Turkish":    {"Otomatik yanıt: Yazıcı", "Mesajınız için teşekkür ederim. 9 Mart'a kadar izindeyim, ofis dışında olacağım. Acil durumda Bob ile iletişime geçin. Otomatik yanıt.", "Gelecek hafta izinde olacağım. Yazıcıyı onarabilir misiniz?"},
	"Japanese":   {"自動返信: プリンター", "メールありがとうございます。3月9日まで休暇をいただいております。お急ぎの方はボブまでご連絡ください。これは自動返信です。", "来週は休暇です。プリンターを直してください。"},
	"Chinese":    {"自动回复: 打印机", "感谢您的邮件。我正在休假，3月9日返回。紧急事项请联系鲍勃。这是自动回复。", "我下周休假。请修理打印机。"},
	"Korean":     {"자동 회신: 프린터", "메일 감사합니다. 3월 9일까지 휴가입니다. 긴급한 일은 밥에게 연락 바랍니다. 자동 응답 메일입니다.", "다음 주에 휴가입니다. 프린터를 고쳐 주세요."},
	"Serbian":    {"Аутоматски одговор: Штампач", "", "Следеће недеље сам на одмору. Можете ли поправити штампач?"},
	"Latvian":    {"Automātiskā atbilde: Printeris", "", "Nākamnedēļ būšu atvaļinājumā. Vai varat salabot printeri?"},
	"Albanian":   {"Përgjigje automatike: Printeri", "", "Javën tjetër jam me pushime. A mund ta rregulloni printerin?"},
	"Basque":     {"Erantzun automatikoa: Inprimagailua", "", "Datorren astean oporretan egongo naiz. Konpon dezakezue?"},
	"Persian":    {"پاسخ خودکار: چاپگر", "", "هفته آینده در مرخصی هستم. می\u200cتوانید چاپگر را تعمیر کنید؟"},
	"Hindi":      {"स्वचालित उत्तर: प्रिंटर", "", "अगले सप्ताह मैं छुट्टी पर हूँ। क्या आप प्रिंटर ठीक कर सकते हैं?"},
	"Malay":      {"Balasan automatik: Pencetak", "", "Minggu depan saya bercuti. Bolehkah anda membaiki pencetak?"},
	"Hebrew":     {"תשובה אוטומטית: מדפסת", "", "אני בחופשה בשבוע הבא. אפשר לתקן את המדפסת?"},
}

// TestAbsences measures both mistakes in each language.
func TestAbsences(t *testing.T) {
	const head = "From: ann@example.org\nTo: support@desk.test\nContent-Type: text/plain; charset=utf-8\n"
	for language, a := range absences {
		t.Run(language, func(t *testing.T) {
			for name, c := range map[string]struct {
				raw  string
				want Class
			}{
				"subject alone":        {head + "Subject: " + a.subject + "\n\n.", AutoReply},
				"words alone":          {head + "Subject: Re: Printer\nIn-Reply-To: <1@desk.test>\n\n" + a.words, AutoReply},
				"a person":             {head + "Subject: Printer\n\n" + a.person, Human},
				"a person who answers": {head + "Subject: Re: Printer\nIn-Reply-To: <1@desk.test>\n\n" + a.person, Human},
				"about such a mail":    {head + "Subject: Re: " + a.subject + "\nIn-Reply-To: <1@desk.test>\n\n" + a.person, Human},
				"passed on":            {head + "Subject: Fwd: " + a.subject + "\n\n" + a.person, Human},
			} {
				if name == "words alone" && a.words == "" {
					continue
				}
				if m := read(c.raw); m.Class != c.want {
					t.Errorf("%s: class %s %q, want %s; %d signs", name, m.Class, m.Reasons, c.want, vacationSigns((&classifier{msg: m}).words()))
				}
			}
		})
	}
}

// matrix counts labels against classes.
type matrix map[[2]Class]int

func (x matrix) String() string {
	classes := []Class{Human, AutoReply, Bounce, Disposition, Challenge, List, Bulk, Calendar, Notification}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-14s", "label \\ class")
	for _, c := range classes {
		fmt.Fprintf(&b, "%13s", c)
	}
	for _, label := range classes {
		fmt.Fprintf(&b, "\n%-14s", label)
		for _, c := range classes {
			fmt.Fprintf(&b, "%13d", x[[2]Class{label, c}])
		}
	}
	return b.String()
}

// mistakes counts people taken for machines, and machines taken for people.
func (x matrix) mistakes() (people, machines int) {
	for k, n := range x {
		switch {
		case k[0] == Human && k[1] != Human:
			people += n
		case k[0] != Human && k[1] == Human:
			machines += n
		}
	}
	return people, machines
}

// TestCorpusClass labels the corpus by folder and by a list of our own, and
// counts both mistakes.
func TestCorpusClass(t *testing.T) {
	labels := map[string]Class{
		"mime/error_emails-bad_date_header": Bulk, "mime/error_emails-empty_in_reply_to": List, "mime/error_emails-encoding_madness": Notification,
		"mime/mime_emails-raw_email_with_mimepart_without_content_type": Bounce, "mime/multipart_report_emails-multi_address_bounce1": Bounce,
		"mime/multipart_report_emails-multi_address_bounce2": Bounce, "mime/multipart_report_emails-multipart_report_multiple_status": Bounce,
		"mime/multipart_report_emails-report_422": Bounce, "mime/multipart_report_emails-report_530": Bounce, "mime/php-m0009": Notification,
		"mime/php-m0015": Bulk, "mime/php-m0020": Bulk, "mime/php-m0024": List, "mime/plain_emails-raw_email_trailing_dot": Notification, "mime/php-issue149": AutoReply,
		"mime/error_emails-bad_date_header2": Bulk, "mime/error_emails-content_transfer_encoding_7-bit": Bulk, "mime/error_emails-cant_parse_from": Bulk,
		"mime/mime_emails-raw_email_encoded_stack_level_too_deep": Notification,
		"broken/flanker-apache-message-news-mime":                 Bulk, "broken/flanker-disposition-notification": Disposition, "broken/flanker-from-encoding": Bulk,
		"broken/flanker-message-external-body": Bulk, "broken/mail-multipart-wo-boundary": Bounce,
		"auth/arh-multiple_dkim_results": List, "auth/arh-multiple_spf_and_dmarc_results": List, "auth/rfc6376-A.2-ill_formed-list_id": List,
		"auth/original-Fastmail_from_CNN_-_Thanks_for_subscribing_to_5_Things": Bulk, "auth/original-Fastmail_from_CNN_-_Welcome_to_CNN_Breaking_News": Bulk,
		"auth/original-Fastmail_from_Fastmail_-_How_to_keep_your_email_private": Notification, "auth/original-Fastmail_from_Fastmail_-_Welcome_Get_set_up_in_3_steps.": Notification,
		"auth/original-Fastmail_from_Amazon_-_Verify_your_new_Amazon_account": Notification,
		"bounce/flanker-aol": Notification, "bounce/flanker-yahoo": Notification, "bounce/mimekit-feedback-report": Notification, "bounce/sisimai-arf-01": Notification,
		"bounce/sisimai-arf-02": Notification, "bounce/mimekit-disposition-notification": Disposition,
	}
	folders := map[string]Class{"bounce": Bounce, "autoreply": AutoReply}
	x := matrix{}
	for _, folder := range []string{"bounce", "autoreply", "helpdesk", "mime", "charset", "broken", "auth"} {
		for _, file := range corpusFiles(t, folder, ".eml") {
			label, ok := labels[folder+"/"+caseName(file)]
			if !ok {
				if label, ok = folders[folder]; !ok {
					label = Human
				}
			}
			m := readAll(readFile(t, file))
			x[[2]Class{label, m.Class}]++
			if label != m.Class {
				t.Logf("%s/%s is %s %q, labelled %s", folder, caseName(file), m.Class, m.Reasons, label)
			}
		}
	}
	for _, file := range corpusFiles(t, "reply", ".txt") { // what people answered
		m := readAll(append([]byte("From: a@example.org\nSubject: Re: x\nIn-Reply-To: <1@desk.test>\n\n"), readFile(t, file)...))
		if x[[2]Class{Human, m.Class}]++; m.Class != Human {
			t.Logf("reply/%s is %s %q", caseName(file), m.Class, m.Reasons)
		}
	}
	people, machines := x.mistakes()
	t.Logf("%s\npeople taken for machines: %d, machines taken for people: %d", x, people, machines)
	if people > 0 || machines > 3 {
		t.Errorf("people taken for machines: %d, at most 0 before; machines taken for people: %d, at most 3 before", people, machines)
	}
}

// TestSampleClass counts both mistakes over the project's own samples.
func TestSampleClass(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "*.want.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	x := matrix{}
	for _, file := range files {
		var want struct {
			Given struct {
				MailFrom *string `json:"mail_from"`
			} `json:"given"`
			Message struct {
				Machine struct {
					Class Class `json:"class"`
				} `json:"machine"`
			} `json:"message"`
		}
		if err := json.Unmarshal(readFile(t, file), &want); err != nil {
			t.Fatal(err)
		}
		label := want.Message.Machine.Class
		if label == "" || label == Loop { // our own mail is known by our own names
			continue
		}
		m := readAll(readFile(t, strings.TrimSuffix(file, ".want.json")+".eml"))
		class, _ := m.Machine(want.Given.MailFrom != nil && *want.Given.MailFrom == "")
		if x[[2]Class{label, class}]++; label != class {
			t.Errorf("%s is %s %q, labelled %s", filepath.Base(file), class, m.Reasons, label)
		}
	}
	t.Log(x)
}

func TestNotifications(t *testing.T) {
	const from = "From: ops@example.org\n"
	for name, c := range map[string]struct {
		raw  string
		want Class
	}{
		"zabbix":                      {"From: zabbix@example.org\nSubject: Problem: disk full\n\nx", Notification},
		"zabbix's words by a person":  {"From: ann@example.org\nSubject: Problem: disk full\n\nMy disk is full.", Human},
		"root alone":                  {"From: root@example.org\nSubject: hello\n\nI am the administrator", Human},
		"root with a report":          {"From: root@web1\nSubject: Daily report\n\nx", Notification},
		"logwatch":                    {from + "Subject: Logwatch for web1 (Linux)\n\nx", Notification},
		"fail2ban":                    {from + "Subject: [Fail2Ban] sshd: banned 192.0.2.1\n\nx", Notification},
		"grafana resolved":            {"From: grafana@example.org\nSubject: [RESOLVED] cpu\n\nx", Notification},
		"jenkins":                     {from + "Subject: Build failed in Jenkins: web #7\n\nx", Notification},
		"gitlab":                      {from + "X-GitLab-Project: x\nSubject: y\n\nx", Notification},
		"uptimerobot":                 {from + "Subject: Monitor is DOWN: web\n\nx", Notification},
		"prtg by program":             {from + "X-Mailer: PRTG Network Monitor\nSubject: down\n\nx", Notification},
		"no-reply":                    {"From: no-reply@example.org\nSubject: x\n\ny", Notification},
		"do_not_reply":                {"From: Do_Not_Reply@example.org\nSubject: x\n\ny", Notification},
		"ne-pas-repondre":             {"From: ne-pas-repondre@example.org\nSubject: x\n\ny", Notification},
		"noreply for a person":        {"From: noreply@example.org\nReply-To: ann@example.com\nSubject: x\n\ny", Human},
		"noreply for noreply":         {"From: noreply@example.org\nReply-To: no-reply@example.com\nSubject: x\n\ny", Notification},
		"sender like noreply":         {"From: norepson@example.org\nSubject: x\n\ny", Human},
		"alert by a person":           {"From: ann@example.org\nSubject: Alert: smoke in room 7\n\nPlease come.", Human},
		"alert from alerts":           {"From: alerts@example.org\nSubject: Alert: smoke in room 7\n\nx", Notification},
		"automatic words from system": {"From: system@example.org\nSubject: Invoice\n\nThis is an automatically generated message.", Notification},
		"automatic words by a person": {"From: ann@example.org\nSubject: Invoice\n\nI got \"this is an automatically generated message\" and do not understand it.", Human},
		"suppressing answers":         {"From: app@example.org\nX-Auto-Response-Suppress: All\nSubject: Invoice\n\nThis is an automatically generated message.", Notification},
		"backup with its sender":      {"From: backup@example.org\nSubject: Backup failed on web1\n\nx", Notification},
		"a DMARC report":              {"From: dmarcreport@example.org\nSubject: Report Domain: desk.test Submitter: example.org\n\nx", Notification},
		"a parcel":                    {from + "Auto-Submitted: auto-generated\nSubject: Delivery failed\n\nYour parcel 5501234 could not be delivered.", Notification},
		"bulk by sender":              {"From: newsletter@example.org\nSubject: March\n\nx", Bulk},
		"news with a way out":         {"From: news@example.org\nSubject: March\n\nTo unsubscribe click here", Bulk},
		"relay with a way out":        {from + "X-SG-EID: x\nSubject: March\n\nTo unsubscribe click here", Bulk},
		"relay with an answer":        {from + "X-SG-EID: x\nIn-Reply-To: <1@x>\nSubject: Re: March\n\nTo unsubscribe from your news I clicked", Human},
		"person about newsletters":    {from + "Subject: newsletter\n\nPlease unsubscribe me.", Human},
	} {
		if m := read(c.raw); m.Class != c.want {
			t.Errorf("%s: class %s %q, want %s", name, m.Class, m.Reasons, c.want)
		}
	}
}

// TestPhrases holds the lists to the form in which they are searched.
func TestPhrases(t *testing.T) {
	for name, list := range map[string][]string{
		"autoSubjects": autoSubjects, "awaySubjects": awaySubjects, "awayWords": awayWords, "returnWords": returnWords, "insteadWords": insteadWords, "accessWords": accessWords,
		"automaticWords": automaticWords, "receiptSubjects": receiptSubjects, "receiptWords": receiptWords, "calendarSubjects": calendarSubjects, "challengeSubjects": challengeSubjects,
		"challengeAsks": challengeAsks, "challengeWhy": challengeWhy, "unsubscribeWords": unsubscribeWords, "receivedWords": receivedWords, "unattendedWords": unattendedWords,
		"bounceSubjects": bounceSubjects, "bounceWords": bounceWords, "delayWords": delayWords, "certainSubjects": certainSubjects, "likelySubjects": likelySubjects, "userUnknownWords": userUnknownWords,
	} {
		for i, p := range list {
			if f := fold(p); strings.TrimSpace(f) != strings.TrimSpace(p) {
				t.Errorf("%s: %q can never be found, %q can", name, p, f)
			}
			if len(p) < 3 && !strings.HasSuffix(name, "Subjects") {
				t.Errorf("%s: %q is too short for the index", name, p)
			}
			if slices.Contains(list[:i], p) {
				t.Errorf("%s has %q twice", name, p)
			}
		}
	}
}

// TestAlike reads mails of people that look like a machine's, and the other
// way round.
func TestAlike(t *testing.T) {
	const answer = "In-Reply-To: <1@desk.test>\n"
	for _, c := range []struct {
		want               Class
		from, subject, add string
		text               string
	}{
		{Human, "ann@example.org", "Auto: Ölwechsel", "", "Mein Auto braucht einen Ölwechsel, bitte Termin."},
		{Human, "ann@example.org", "自動返信の設定", "", "自動返信の設定方法を教えてください。"},
		{Human, "ann@example.org", "Urlaub", "", "Ich bin nächste Woche im Urlaub, bitte verschieben Sie den Termin."},
		{Human, "ann@example.org", "Bob is out of the office", "", "Bob is out of the office. Who can help me with the printer?"},
		{Human, "ann@example.org", "Automatic reply stops working", "", "My automatic reply in Outlook stopped working. Please help."},
		{Human, "ann@example.org", "Delivery failed: order 123", "", "Nobody came. Please send it again."},
		{Human, "scan@firm.example", "Question about the scanner", "", "Could you have a look at it?"},
		{AutoReply, "ann@example.org", "AUTO: Ann is out of the office (returning 03/05/2026)", "", "I am out of the office."},
		{AutoReply, "ann@example.org", "Ann is out of the office (returning 03/05/2026)", "", "I will respond to your message when I return."},
		{AutoReply, "ann@example.org", "Ann ist außer Haus.", answer, "Ich werde Ihre Nachricht nach meiner Rückkehr beantworten."},
		{AutoReply, "ann@example.org", "Poissaolo: Re: Tulostin", answer, "."},
		{AutoReply, "ann@example.org", "Urlaub Re: Drucker", answer + "X-Auto-Response-Suppress: All\n", "Weg bis 5.3."},
		{AutoReply, "help@other.example", "Re: Printer", answer + "Auto-Submitted: auto-generated\n", "Your request (1234) has been received and is being reviewed. We have received your message."},
		{Notification, "veeam@backup.example", "[Success] Backup job: Daily", "", "3 VMs"},
		{Notification, "scanner@example.org", "Scan from MFP-2", "", "Please open the attached document."},
		{Notification, "nas@example.org", "[Synology NAS] Backup task failed", "", "Dear user, the task failed."},
	} {
		m := readAll([]byte("From: " + c.from + "\nTo: support@desk.test\nSubject: " + c.subject + "\n" + c.add + "Content-Type: text/plain; charset=utf-8\n\n" + c.text + "\n"))
		if m.Class != c.want {
			t.Errorf("%q from %s is %s %v, want %s", c.subject, c.from, m.Class, m.Reasons, c.want)
		}
	}
}

// TestWordlessInvitation reads an invitation whose only words are those of the
// appointment.
func TestWordlessInvitation(t *testing.T) {
	const mail = "From: ann@example.org\nSubject: Call\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\n%s\n--b\n" +
		"Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:Call\nDTSTART:20260302T083000Z\nEND:VEVENT\nEND:VCALENDAR\n--b--\n"
	for text, want := range map[string]Class{"": Calendar, "Can we talk about the printer?": Human} {
		if m := readAll(fmt.Appendf(nil, mail, text)); m.Class != want {
			t.Errorf("text %q: class %s %v, want %s", text, m.Class, m.Reasons, want)
		}
	}
}
