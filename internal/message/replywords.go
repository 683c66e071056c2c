package message

import (
	"strings"
	"unicode/utf8"
)

// The words of mail programs around a quotation, in the languages in which
// they are met most: English, German, French, Spanish, Italian, Dutch,
// Portuguese, Swedish, Danish, Norwegian, Finnish, Polish, Czech, Hungarian,
// Russian, Turkish, Chinese.

// originalWords head a quotation, between dashes.
var originalWords = []string{
	"original message", "reply message", "original appointment", "ursprüngliche nachricht", "original-nachricht", "originalnachricht",
	"message d'origine", "message d’origine", "message original", "mensaje original", "messaggio originale", "oorspronkelijk bericht",
	"mensagem original", "originalmeddelande", "ursprungligt meddelande", "oprindelig besked", "oprindelig meddelelse",
	"original besked", "opprinnelig melding", "alkuperäinen viesti", "wiadomość oryginalna", "oryginalna wiadomość",
	"původní zpráva", "eredeti üzenet", "исходное сообщение", "orijinal ileti", "原始邮件",
}

// forwardWords head a mail that is passed on.
var forwardWords = []string{
	"forwarded message", "begin forwarded message", "weitergeleitete nachricht", "anfang der weitergeleiteten nachricht",
	"message transféré", "début du message transféré", "début du message réexpédié", "message transmis", "mensaje reenviado",
	"inicio del mensaje reenviado", "messaggio inoltrato", "inizio messaggio inoltrato", "doorgestuurd bericht", "begin doorgestuurd bericht",
	"mensagem encaminhada", "mensagem reencaminhada", "vidarebefordrat meddelande", "vidarebefordrat brev", "videresendt meddelelse",
	"videresendt besked", "videresendt melding", "välitetty viesti", "przekazana wiadomość", "wiadomość przekazana", "přeposlaná zpráva",
	"továbbított üzenet", "пересылаемое сообщение", "перенаправленное сообщение", "转发邮件",
}

// sentFromWords begin the line that a program adds below a text.
var sentFromWords = []string{
	"sent from my ", "sent from a ", "sent from mail for ", "sent from outlook", "sent from typeapp", "sent from yahoo", "sent from proton",
	"sent from samsung", "sent from the ", "sent via ", "sent with ", "get outlook for ", "von meinem ", "gesendet von ", "gesendet mit ",
	"gesendet aus ", "diese nachricht wurde von meinem", "envoyé de mon ", "envoyé depuis ", "envoyé à partir de ", "télécharger outlook",
	"enviado desde mi", "enviado desde ", "enviado do meu ", "enviado de mi ", "obtener outlook", "inviato da ", "inviato dal ",
	"scarica outlook", "verzonden vanaf ", "verstuurd vanaf ", "verzonden met ", "skickat från ", "sendt fra ", "sendt fra min ",
	"lähetetty ", "wysłane z ", "wysłano z ", "odesláno z ", "отправлено с ", "отправлено из ", "iphone'umdan gönderildi",
}

// verbs are what the sender of the quoted mail did.
var verbs = []string{
	"wrote", "schrieb", "geschrieben", "a écrit", "a ecrit", "escribió", "escribio", "ha scritto", "scrisse", "schreef", "geschreven",
	"escreveu", "skrev", "kirjoitti", "napisał", "napisal", "napsal", "írta", "писал", "пишет", "написал", "yazdı", "写道",
}

// starts are the first words of an attribution.
var starts = []string{
	"on ", "am ", "le ", "el ", "il ", "op ", "em ", "den ", "dnia ", "w dniu ", "dne ", "in data ", "om ", "i ", "a ", "à ", "på ", "в ", "---- on ", "在",
}

// isSeparator reports a line such as "-----Original Message-----" with one of
// the words in it. Without dashes the words must stand alone before a colon.
func isSeparator(line string, words []string) bool {
	t := strings.TrimSpace(line)
	dashes := strings.HasPrefix(t, "--") || strings.HasPrefix(t, "__") || strings.HasPrefix(t, "==")
	if len(t) > 100 || !dashes && !strings.HasSuffix(t, ":") && !strings.HasSuffix(t, ":*") {
		return false // the cheap look that most lines do not pass
	}
	core := strings.Trim(t, "-_=*> ")
	if !dashes {
		c, colon := strings.CutSuffix(core, ":")
		if !colon {
			return false
		}
		core = strings.TrimSpace(c)
	}
	core = strings.TrimSpace(strings.TrimSuffix(strings.ToLower(core), ":"))
	for _, w := range words {
		if core == w || dashes && strings.HasPrefix(core, w+" ") {
			return true
		}
	}
	return false
}

// attributionStart returns the line where the attribution begins that ends in
// a given line, or -1 when it ends none. An attribution is broken over at most
// four lines; the nearest beginning wins.
func (s *splitter) attributionStart(end int) int {
	if !endsAttribution(s.lines[end]) || s.checks <= 0 {
		return -1
	}
	s.checks--
	text := ""
	for start := end; start >= 0 && start > end-4 && !blank(s.lines[start]); start-- {
		text = strings.TrimSpace(unquote(s.lines[start])) + " " + text
		if len(text) > 500 {
			return -1
		}
		if !isAttribution(strings.ToLower(strings.TrimSpace(text))) {
			continue
		}
		if start > 0 && !startsLike(text, starts) && startsLike(s.lines[start-1], starts) && len(s.lines[start-1]) < 80 &&
			!strings.HasSuffix(strings.TrimSpace(s.lines[start-1]), ".") && isAttribution(strings.ToLower(s.lines[start-1]+" "+text)) {
			start--
		}
		return start
	}
	return -1
}

// startsLike reports whether a text begins with one of the words, in any case.
func startsLike(s string, list []string) bool {
	s = strings.ToLower(strings.TrimLeft(s, " \t*"))
	for _, p := range list {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// endsAttribution is the cheap look that most lines do not pass.
func endsAttribution(line string) bool {
	t := strings.TrimRight(line, " \t*_\u00a0")
	return strings.HasSuffix(t, ":") || strings.HasSuffix(t, "：") || strings.HasSuffix(t, "wrote") || strings.HasSuffix(t, "wrote ----")
}

// isAttribution reports a sentence that says when somebody wrote something: a
// known beginning or a date, a verb or an address, and an end. s is lower case.
func isAttribution(s string) bool {
	digits := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			digits++
		}
	}
	if digits == 0 {
		return false
	}
	for _, v := range verbs {
		if i := strings.Index(s, v); i > 0 && wordAt(s, i) {
			return startsLike(s, starts) || digits >= 3
		}
	}
	t := strings.TrimRight(s, " *")
	return digits >= 4 && strings.Contains(s, "@") && (strings.HasSuffix(t, ">:") || strings.HasSuffix(t, "):")) && !strings.HasPrefix(s, "http")
}

// wordAt reports whether a word begins at i: what comes before is no letter.
func wordAt(s string, i int) bool {
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return r == ' ' || r == '>' || r == ')' || r == ',' || r == '"' || r == '\u00a0' || r > 0x2e80
}

// label is a kind of line of a header block.
type label uint8

const (
	labelFrom label = 1 << iota
	labelDate
	labelTo
	labelSubject
	labelCc
)

// labelOf recognises a line such as "*Gesendet:* Montag" and returns what
// stands behind the colon.
func labelOf(line string) (l label, value string) {
	t := strings.TrimLeft(line, " \t*>|_\u00a0")
	i := strings.IndexByte(t, ':')
	if i <= 0 || i > 40 {
		return 0, ""
	}
	name := strings.ToLower(strings.Trim(t[:i], " *\t_\u00a0"))
	return labelNamed(name), strings.Trim(t[i+1:], " *\t\u00a0")
}

func labelNamed(name string) label {
	switch name {
	case "from", "von", "de", "da", "van", "från", "fra", "lähettäjä", "od", "от", "feladó", "kimden", "发件人", "expéditeur", "mittente", "remitente":
		return labelFrom
	case "sent", "date", "gesendet", "datum", "envoyé", "envoyé le", "message du", "enviado", "enviado el", "enviada em", "enviada", "fecha",
		"data", "inviato", "verzonden", "skickat", "sendt", "dato", "lähetetty", "päivämäärä", "wysłano", "wysłane", "odesláno", "dátum",
		"elküldve", "дата", "отправлено", "tarih", "发送时间", "日期", "dnia":
		return labelDate
	case "to", "an", "à", "a", "para", "aan", "till", "til", "do", "vastaanottaja", "komu", "кому", "címzett", "kime", "收件人", "destinataire":
		return labelTo
	case "subject", "betreff", "objet", "sujet", "asunto", "oggetto", "onderwerp", "assunto", "ämne", "emne", "aihe", "temat", "předmět",
		"tárgy", "тема", "konu", "主题":
		return labelSubject
	case "cc", "copie à", "kopie", "kopia", "copia", "kopio", "reply-to", "antwort an", "importance", "priority":
		return labelCc
	}
	return 0
}

// block returns the line behind the header block of a quoted mail that begins
// at a line, or 0. It has an author, two more kinds of lines, and either a
// subject or an address: "From: Paris, To: Rome, Date: May" is none.
func (s *splitter) block(at int) int {
	first, _ := labelOf(s.lines[at])
	if first == 0 || first == labelCc || first == labelTo || s.checks <= 0 {
		return 0
	}
	s.checks--
	seen, end, odd, address := label(0), at, 0, false
	for i := at; i < len(s.lines) && i < at+14 && odd <= 2; i++ {
		l, _ := labelOf(s.lines[i])
		if l == 0 {
			if odd++; blank(s.lines[i]) && seen&labelSubject != 0 {
				break
			}
			continue
		}
		seen |= l
		end, odd = i+1, 0
		address = address || strings.Contains(s.lines[i], "@")
	}
	others := 0
	for _, l := range [...]label{labelDate, labelTo, labelSubject} {
		if seen&l != 0 {
			others++
		}
	}
	if seen&labelFrom == 0 || others < 2 || seen&labelSubject == 0 && !address {
		return 0
	}
	return end
}
