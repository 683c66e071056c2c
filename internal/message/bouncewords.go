package message

import "strings"

// bounceSubjects stand in the subject of a delivery failure or delay.
var bounceSubjects = []string{
	"undeliver", "mail delivery fail", "delivery fail", "failure notice", "failure delivery", "returned mail", "returned to sender", "return to sender", "delivery status notif",
	"delivery notification", "mail system error", "nondeliver", "non-deliver", "non deliver", "could not be delivered", "not be delivered", "message could not be",
	"warning: message", "warning: could not", "delivery has failed", "mail not delivered", "not delivered", "permanent fail", "permanent delivery", "delivery delay", "delayed mail",
	"message delayed", "delayed 24", "mail delivery", "bounce", "user unknown", "failed mail", "mail failure", "delivery problem", "could not deliver", "delivery report", "message status",
	"processing error", "delivery error", "delivery attempt", "unable to deliver", "rejected mail", "rejected:", "mail rejected", "mail error", "mail bounced", "failed to deliver", "message failed",
	"unsent message", "could not send", "couldn't send", "successful mail delivery", "delivered:", "relayed:", "address not found", "message blocked", "message not delivered", "over quota", "mail undelivered",
	"nondelivery", "transmission error", "send mail error", "error sending", "email returned", "mail returned", "unknown user", "undelivered",
	"zum zustellstatus", "état de distribution", "état de remise", "estado de entrega", "stato della consegna", "stato di recapito", "status de entrega", "estado da entrega", "bezorgingsstatus", "stanie dostarczenia", "leveransstatus", "leveringsstatus", "toimitustila", "stavu doručení", "состоянии доставки", "teslimat durumu", "传递状态", "配信状況", "전송 상태",
	"unzustellbar", "nicht zustellbar", "nicht zugestellt", "zustellung fehlgeschlagen", "zustellfehler", "fehlgeschlagene zustellung", "zustellungsbenachrichtigung",
	"non remis", "non distribu", "non délivr", "échec de la remise", "échec de remise", "échec de livraison", "échec de la distribution", "impossible de remettre",
	"no se puede entregar", "no entregado", "no se pudo entregar", "no entregable", "error de entrega", "devuelto", "mancata consegna", "non recapitabile", "mancato recapito", "impossibile recapitare",
	"não entregue", "não é possível entregar", "falha na entrega", "devolvida", "não pôde ser entregue", "onbestelbaar", "niet bezorgd", "niet afgeleverd", "niet te bezorgen",
	"nie można dostarczyć", "niedostarczon", "nie dostarczono", "zwrot poczty", "går inte att leverera", "olevererbart", "kan ikke leveres", "ikke leveret", "ikke levert", "kunne ikke leveres",
	"ei voi toimittaa", "ei voitu toimittaa", "toimittamaton", "nelze doručit", "nedoručiteln", "nedoruč", "kézbesíthetetlen", "nem kézbesíthető", "nelivrabil", "teslim edilemedi", "teslim edilemiyor", "iletilemedi",
	"δεν είναι δυνατή η παράδοση", "не доставлено", "недоставлен", "не удается доставить", "не удаётся доставить", "ошибка доставки", "не может быть доставлен", "не доставлен",
	"退信", "未送达", "无法送达", "投递失败", "发送失败", "传输失败", "传送失败", "退回", "無法傳遞", "無法投遞", "傳遞失敗", "配信不能", "配信できません", "配達不能", "送信エラー", "送信できません", "未配達", "배달되지", "전송 실패", "반송", "발송 실패",
}

// bounceWords stand in the text of a delivery failure or delay.
var bounceWords = []string{
	"could not be delivered", "couldn't be delivered", "could not deliver", "couldn't deliver", "undeliver", "not been delivered", "user unknown", "unknown user", "not be delivered",
	"delivery to the following", "delivery failed", "delivery has failed", "failed to deliver", "permanent error", "permanent fatal errors", "fatal error", "failure notice", "delivery failure",
	"unable to deliver", "unable to be delivered", "wasn't able to deliver", "mailbox unavailable", "cannot be delivered", "can't be delivered", "did not reach", "couldn't reach", "could not be reached",
	"returned mail", "delivery has been delayed", "has not yet been delivered", "no such user", "failed addresses", "failed recipient", "following addresses", "following recipient", "following address",
	"rejected your message", "was automatically rejected", "automatically rejected", "wasn't delivered", "was not delivered", "not delivered", "does not exist", "mailbox full", "mailbox is full", "over quota", "mail could not", "has been returned",
	"error while", "error occurred", "trouble delivering", "problem delivering", "error delivering", "could not be sent", "failed to send", "error sending", "delivery error", "undelivered", "user mailbox exceeds", "did not receive",
	"have not been able to deliver", "not able to deliver", "returned to you", "recipient's mailbox", "delivery problems", "transcript of session", "delivery attempts", "recipients were affected", "invalid recipient",
	"unzustellbar", "nicht zugestellt", "zustellung ist fehlgeschlagen", "konnte nicht zugestellt", "fehler bei der zustellung", "n'a pas pu être", "n'a pas été remis", "échec de la remise", "impossible de remettre",
	"no se pudo entregar", "no se ha podido entregar", "no ha podido ser entregado", "no se puede entregar", "no se ha entregado", "no se entregó", "error al entregar", "non è stato possibile", "impossibile recapitare", "non può essere consegnato", "recapito non riuscito",
	"não pôde ser entregue", "não foi possível entregar", "não foi entregue", "non è stato consegnato", "n'est pas parvenu", "n'a pas été distribué", "wurde nicht an", "falha na entrega", "kon niet worden", "is mislukt", "niet worden bezorgd", "nie można dostarczyć", "nie mogła zostać dostarczona", "nie została dostarczona",
	"kunde inte levereras", "kunne ikke leveres", "leveransen misslyckades", "levering mislykkedes", "levering mislyktes", "ei voitu toimittaa", "nelze doručit", "nepodařilo doručit", "nem kézbesíthető", "nu a putut fi livrat",
	"teslim edilemedi", "не может быть доставлен", "не было доставлено", "не доставлено", "не удалось доставить", "не удается доставить", "ошибка доставки",
	"无法发送", "无法送达", "无法投递", "投递失败", "未能送达", "退信", "退回", "不存在", "無法", "配信できません", "送信できません", "届けることができません", "送信エラー", "배달할 수 없", "전달되지", "반송",
}

// delayWords say that the mail system goes on trying.
var delayWords = []string{
	"delivery has been delayed", "has been delayed", "has not yet been delivered", "not yet been delivered", "delivery attempts will continue", "will continue to try", "will keep trying", "will be retried", "still being retried",
	"(delay)", "warning only", "warning message only", "could not send message for past", "not been delivered yet", "gmail will retry", "temporary problem delivering", "transient non-fatal errors", "will continue trying", "you do not need to resend", "will try again", "will retry", "temporarily delayed", "delivery is delayed", "is delayed", "still trying", "noch nicht zugestellt", "verzögert", "retardé", "se ha retrasado", "ritardo nella consegna",
	"weiterhin versucht", "nouvelle tentative", "seguirá intentando", "попытки доставки будут продолжены", "将继续尝试", "引き続き配信を試み", "delayed 24 hours", "delayed 48 hours", "delayed 72 hours",
}

// permanentWords head the recipients of a notice for whom nothing is tried any
// more, beside others that are.
var permanentWords = []string{"permanent fatal error", "permanent error", "permanent failure", "failed permanently", "given up", "giving up"}

// successWords say that the mail has arrived.
var successWords = []string{"successfully delivered", "delivered successfully", "successful mail delivery", "was successfully relayed", "has been delivered to the following", "was delivered to the following", "has been successfully", "erfolgreich zugestellt", "remis avec succès", "entregado correctamente"}

// systemNames are what mail systems call themselves in the From field, and
// vagueNames what people's teams are called, too.
var (
	systemNames = []string{"mail delivery", "delivery subsystem", "mailer-daemon", "mailer daemon", "delivery system", "delivery agent", "message transfer", "automated response", "mail router"}
	vagueNames  = []string{
		"system administrator", "mail administrator", "postmaster", "mail system", "mail server", "email server", "systemadministrator", "administrateur système", "administrador del sistema", "amministratore", "systeembeheerder", "administrador do sistema", "microsoft outlook", "microsoft exchange",
	}
)

var (
	bounceSubjectPhrases = newPhrases(bounceSubjects)
	bounceWordPhrases    = newPhrases(bounceWords)
	fatePhrases          = newPhrases(delayWords, successWords)
	namePhrases          = newPhrases(systemNames, vagueNames)
)

// bounceInWords recognises a delivery failure that is not in the standard
// form, and says by what: a field only such mail has, or a sender that is a
// mail system, together with the words.
func bounceInWords(m *Message, carries bool) string {
	for _, name := range [...]string{"X-Failed-Recipients", "X-MS-Exchange-Message-Is-Ndr", "X-Failure-Recipients"} {
		if m.Has(name) {
			return "a delivery failure: " + name + " is present"
		}
	}
	sender := daemonSign(m)
	if sender == 0 && automatic(m) && weight(head(m.Text, 4096)) > 1 {
		sender = 1 // a parcel can be undeliverable, too, but not with a reply code
	}
	if sender == 0 || sender < 2 && answers(m.Subject) {
		return ""
	}
	signs := sender
	for _, there := range [...]bool{
		bounceSubjectPhrases.in(fold(head(m.Subject, 500))),
		bounceWordPhrases.in(fold(head(m.Text, 4096))) || statusInWords(head(m.Text, 4096)) != "",
		carries,
	} {
		if there {
			signs++
		}
	}
	if signs < 3 {
		return ""
	}
	return "a delivery failure in words"
}

// daemonSign weighs the sender: 2 for a mail system's own address, 1 for one
// that a person may use as well and for an empty return path.
func daemonSign(m *Message) int {
	local := m.From.Address.Local()
	if local == "" {
		local = daemonName(m.Get("From"))
	}
	name := fold(m.From.Name)
	names := namePhrases.found(name)
	named, vague := names&1 != 0, names&2 != 0
	switch {
	case isPostmaster(local) && (named || vague && !strings.HasPrefix(name, "postmaster") || automatic(m)):
		return 2
	case isPostmaster(local):
		return 1
	case isDaemon(local), strings.HasPrefix(strings.ToLower(local), "microsoftexchange3"):
		return 2
	case named, nullReturnPath(m), vague && automatic(m):
		return 1
	}
	return 0
}

// automatic reports that a mail says of itself that no person wrote it.
func automatic(m *Message) bool {
	v := autoKeyword(m)
	return v != "" && v != "no" || nullReturnPath(m) || m.Has("X-Autogenerated") || m.Has("X-MS-Embedded-Report")
}

// nullReturnPath reports the empty reverse-path where the field has kept it.
func nullReturnPath(m *Message) bool {
	for _, v := range m.All("Return-Path") {
		if strings.Join(strings.Fields(v), "") == "<>" {
			return true
		}
	}
	return false
}

// daemonName is the first word of a From field that holds no address.
func daemonName(from string) string {
	for w := range strings.FieldsSeq(strings.Trim(from[:min(len(from), 500)], "<>\"' ")) {
		local, _, _ := strings.Cut(strings.Trim(w, "<>\"'()"), "@")
		if isDaemon(local) {
			return local
		}
	}
	return ""
}

// isDaemon reports the local part of a mail system's own address.
func isDaemon(local string) bool {
	switch plainLocal(local) {
	case "mailerdaemon", "postmaster", "maildaemon", "mdaemon", "mailer", "mailsystem", "maildelivery", "maildeliverysystem", "maildeliverysubsystem", "doublebounce", "mailmaster", "mailsubsystem", "mailbounce":
		return true
	}
	return false
}

// isPostmaster reports the role that has to read mail (RFC 5321 §4.5.1).
func isPostmaster(local string) bool { return plainLocal(local) == "postmaster" }

// plainLocal is a local part in lower case, without its detail and without
// marks between words.
func plainLocal(local string) string {
	base, _, _ := strings.Cut(strings.ToLower(local), "+")
	if strings.ContainsAny(base, "-_.") {
		base = strings.Map(func(r rune) rune {
			if r == '-' || r == '_' || r == '.' {
				return -1
			}
			return r
		}, base)
	}
	return base
}
