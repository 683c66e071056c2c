package message

import (
	"strings"
	"unicode/utf8"
)

// label is a kind of line of a header block.
type label uint8

const (
	labelFrom label = 1 << iota
	labelDate
	labelTo
	labelSubject
	labelCc // anything else that mail programs show there
)

// labelNames are the names of the lines in a header block, in the languages of
// replywords.go.
var labelNames = labelMap(map[label]string{
	labelFrom: `
from|von|absender|de|expéditeur|remitente|remetente|da|mittente|van|afzender|des de|de la|expeditor
från|avsändare|fra|afsender|avsender|lähettäjä|od|odesílatel|odosielateľ|nadawca|šalje|pošiljatelj|pošiljalac|šiljalac|од|шаље|пошиљалац
feladó|küldő|kimden|gönderen|από|αποστολέας|от|отправитель|від|відправник|подател|изпращач|nuo|siuntėjas|no|sūtītājs|saatja|kellelt
מאת|מ|من|مِن|المرسل|از|فرستنده|差出人|送信者|送信元|发件人|發件人|寄件人|寄件者|发信人|发送人|来自|보낸 사람|보낸사람|보낸이|발신인|발신자|từ|người gửi|dari|pengirim|จาก
frá|nork|nga|од|van wie|daripada|kimdən|кімнен|ვისგან|ից|প্রেরক|প্রেরকঃ|प्रेषक|से|anfonwyd gan|mula kay|mula sa|kutoka`,
	labelDate: `
sent|date|sent at|sent on|date sent|gesendet|datum|gesendet am|envoyé|envoyé le|date d'envoi|date d’envoi|message du|enviado|enviado el|enviada em|enviado em|enviada|fecha|fecha de envío|data|data de envio|data invio|data di invio|inviato|inviata|inviato il|verzonden|verzonden op|enviat|enviat el|trimis|trimisă|data trimiterii
skickat|skickat den|sendt|dato|lähetetty|lähetysaika|päivämäärä|päiväys|pvm|wysłano|wysłane|wysłany|data wysłania|dnia|odesláno|posláno|odoslané|poslané|dátum|poslano|poslato|послато|датум|datum slanja|vrijeme
elküldve|küldve|küldés dátuma|tarih|gönderildi|gönderilme|gönderme tarihi|gönderim tarihi|στάλθηκε|εστάλη|απεσταλμένα|ημερομηνία|дата|отправлено|дата отправки|надіслано|відправлено|изпратено|išsiųsta|nosūtīts|datums|saadetud|kuupäev
נשלח|תאריך|בתאריך|תאריך שליחה|التاريخ|تاريخ|تاريخ الإرسال|تم الإرسال|أرسلت|أُرسلت|مرسل|تاریخ|ارسال شده|送信日時|日時|日付|送信日|送信|发送时间|日期|时间|发送日期|已发送|傳送時間|寄件日期|寄件時間|已傳送|傳送日期|보낸 날짜|보낸날짜|날짜|보냄|전송|보낸 시간|đã gửi|gửi|ngày|ngày gửi|thời gian|dikirim|terkirim|tanggal|ส่ง|วันที่
saatmisaeg|dagsetning|bidalia|bidalita|data|dërguar|gestuur|dihantar|tarikh|göndərildi|göndərilib|жіберілді|жіберілген|გაგზავნის დრო|გაგზავნილია|तारीख|दिनांक|भेजा गया|anfonwyd|dyddiad|dáta|seolta|ipinadala|petsa|imetumwa|испратено|датум`,
	labelTo: `
to|an|empfänger|à|a|pour|destinataire|destinataires|para|destinatario|destinatário|per|aan|ontvanger|naar|per a|către|catre|la
till|mottagare|til|modtager|mottaker|vastaanottaja|kenelle|do|odbiorca|adresat|komu|příjemce|pro|za|prima|primatelj|kome|за|прима|коме
címzett|címzettek|kime|alıcı|προς|παραλήπτης|кому|получатель|одержувач|до|получател|kam|iki|gavėjas|adresāts|saaja|kellele|adressaat
אל|ל|עבור|נמען|إلى|الى|المستلم|به|گیرنده|宛先|送信先|收件人|收件者|至|받는 사람|받는사람|받는이|수신|수신인|수신자|đến|tới|người nhận|kepada|ke|untuk|penerima|ถึง
nori|për|kimə|кімге|ვის|प्रति|प्राप्तकर्ता|को|chuig|para kay|para sa|kwa`,
	labelSubject: `
subject|betreff|objet|sujet|asunto|oggetto|onderwerp|assunto|assumpte|subiect|ämne|emne|aihe|otsikko|temat|předmět|predmet|naslov|zadeva|наслов|предмет
tárgy|konu|θέμα|тема|относно|tema|temats|teema|נושא|הנדון|الموضوع|موضوع|件名|表題|主题|主題|主旨|标题|제목|chủ đề|tiêu đề|subjek|perihal|judul|เรื่อง
efni|gaia|subjekti|mövzu|тақырыбы|თემა|विषय|pwnc|ábhar|paksa|mada|thema`,
	labelCc: `
cc|bcc|reply-to|reply to|importance|priority|attachments|attachment|sensitivity|organization|resent-from|resent-to|sent by
kopie|antwort an|priorität|wichtigkeit|anlagen|anlage|anhang|anhänge|vertraulichkeit|copie à|copie|cci|importance|pièces jointes|pièce jointe|répondre à|priorité|copia|con copia|responder a|importancia|datos adjuntos|adjuntos|prioridad|priorità|allegati|rispondi a|importanza|urgentie|bijlagen|prioriteit|com cópia|cópia|importância|anexos|anexo|prioridade
kopia|bifogade filer|prioritet|vedhæftede filer|vedlegg|kopi|kopio|liitteet|dw|udw|do wiadomości|załączniki|kopie na|přílohy|kópia|prílohy|kopija|na znanje|копија
másolatot kap|másolat|mellékletek|bilgi|ekler|κοιν|κοιν.|κοινοποίηση|копия|вложения|копія|вкладення|копие|як|kopija|kopija|koopia
עותק|העתק|קבצים מצורפים|نسخة|المرفقات|رونوشت|抄送|附件|副本|添付ファイル|참조|첨부|đồng gửi|tembusan|lampiran|สำเนา`,
})

// labelMap turns the table around. Where a name means two things, the more
// telling one wins.
func labelMap(table map[label]string) map[string]label {
	m := map[string]label{}
	for _, l := range [...]label{labelCc, labelTo, labelDate, labelSubject, labelFrom} { // what comes later wins
		for _, w := range words(table[l]) {
			m[w] = l
		}
	}
	return m
}

// labelOf recognises a line such as "*Gesendet:* Montag" and returns what
// stands behind the colon.
func labelOf(line string) (l label, value string) {
	if isProseLine(line) && colon(line) < 0 {
		return 0, ""
	}
	t := strings.TrimLeft(line, " \t*>|_\u00a0\u200e\u200f\u202a\u202b")
	if name, rest, ok := strings.Cut(t, "|"); ok && strings.HasPrefix(strings.TrimLeft(line, " >"), "|") {
		return labelNames[labelName(name)], strings.Trim(rest, " *\t|") // a table
	}
	i := colon(t)
	if i <= 0 {
		return 0, ""
	}
	_, size := utf8.DecodeRuneInString(t[i:])
	return labelNames[labelName(t[:i])], strings.Trim(t[i+size:], " *\t\u00a0\u200e\u200f\u202c")
}

// colon is where the first colon of a line stands, a full-width one too, or -1
// when there is none in the first 60 octets.
func colon(t string) int {
	t = t[:min(len(t), 60+len("："))]
	i := strings.IndexByte(t, ':')
	if wide := strings.Index(t, "："); wide >= 0 && (i < 0 || wide < i) {
		i = wide
	}
	if i > 60 {
		return -1
	}
	return i
}

// labelName is a label's name as the table has it.
func labelName(s string) string {
	return strings.ToLower(strings.Trim(s, " *\t_\u00a0\u200e\u200f\u202c"))
}
