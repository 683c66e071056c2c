package message

import "math/bits"

// reasonWords tell reasons by phrases of folded text. The order matters: what
// stands further up is the more certain sign, and long phrases undo short ones
// below them.
var reasonWords = []struct {
	reason  reason
	phrases []string
}{
	{putOff, []string{
		"greylist", "graylist", "grey list", "gray list", "grey-list", "gray-list", "try again later", "try later", "temporarily deferred", "temporary deferred",
		"too many connections", "rate limit", "ratelimit", "rate-limit", "throttl", "too many recipients", "too many messages from", "too many mails",
		"receiving mail too quickly", "receiving email at a rate", "receiving mail at a rate", "sending rate", "exceeded the rate", "rate that prevents",
		"hourly limit", "daily limit", "sending quota", "sending limit", "exceeded the maximum number of messages", "temporarily rejected",
	}},
	{mailboxFull, []string{
		"mailbox full", "mailbox is full", "mail box full", "mail box is full", "mailbox quota", "quota exceeded", "quota has been exceeded", "exceeded quota",
		"over quota", "overquota", "over his quota", "over disk quota", "disk quota", "exceeding their quota", "exceeded their quota", "exceeds quota", "quota exceed",
		"exceeded his quota", "exceeded its quota", "quota full", "quotaexceeded", "quota is full", "out of quota", "user's mailfolder is full", "mailfolder is full",
		"inbox is full", "inbox full", "mailbox size limit", "mailbox exceeds", "mailbox has exceeded", "mailbox exceeded", "mailbox would exceed",
		"exceeded storage", "exceeds storage", "storage allocation", "exceeded email quota", "storage limit", "storage quota", "out of storage", "not enough storage", "out of space",
		"too many messages in", "too many messages on this mailbox", "full mailbox", "account is full", "user is over", "account has exceeded",
		"recipient's mailbox exceeded", "no space left in", "maildir over", "insufficient space", "has insufficient disk space", "mailbox_full", "overquotatemp",
		"message store is full", "boite pleine", "boîte pleine", "boite aux lettres pleine", "boîte aux lettres est pleine", "boîte de réception est pleine",
		"postfach ist voll", "postfach voll", "speicherplatz", "postfach des empfängers ist voll", "buzón lleno", "buzón está lleno", "buzón de correo lleno",
		"casella piena", "casella di posta piena", "casella è piena", "caixa cheia", "caixa de correio cheia", "caixa postal cheia", "caixa de correio está cheia",
		"postvak is vol", "mailbox is vol", "postvak vol", "skrzynka pełna", "skrzynka jest pełna", "przepełniona", "brevlådan är full", "postkassen er full", "postkassen er fuld",
		"postilaatikko on täynnä", "schránka je plná", "postafiók megtelt", "posta kutusu dolu", "ящик переполнен", "ящик заполнен", "переполнен", "скринька переповнена",
		"メールボックスがいっぱい", "メールボックスの容量", "容量を超え", "容量オーバー", "邮箱已满", "邮箱空间不足", "邮箱容量", "信箱已满", "信箱已滿", "郵箱已滿", "편지함이 가득", "사서함이 꽉",
	}},
	{senderRefused, []string{
		"sender address rejected", "sender rejected", "bad sender", "invalid sender", "sender domain", "domain of sender", "sender unknown", "unknown sender",
		"sender address does not exist", "sender does not exist", "sender verify failed", "sender verification", "not accepting mail from", "not accept mail from",
		"does not accept mail from", "doesn't accept mail from", "restricted sender", "is not allowed to send to", "only accepts mail from", "accepts messages only from",
		"sender not authenticated", "envelope sender", "blocked sender", "not allowed to post", "permission to post", "mail from: address",
		"resolver.rst", "senderfilterconfig", "authentication required",
	}},
	{relayRefused, []string{
		"relay access denied", "relaying denied", "relay denied", "unable to relay", "relay not permitted", "relaying not allowed", "not permitted to relay", "relay operation",
		"no relay", "relay prohibited", "relaying prohibited", "we do not relay", "not relay", "isn't in my list of allowed rcpthosts", "rcpthosts",
		"not an open relay", "relaying is prohibited", "relayings are denied",
	}},
	{spamRefused, []string{
		"spam", "blacklist", "black list", "blocklist", "block list", "blocked", "reputation", "virus", "banned", "rejected for policy", "policy reason",
		"policy violation", "local policy", "security policy", "due to policy", "content rejected", "content filter", "message content", "unsolicited", "phish", "malware", "suspicious",
		"listed at", "listed by", "listed on", "is listed", "dnsbl", "rbl", "spf", "dkim", "dmarc", "unauthenticated email", "not permitted", "email is not authenticated",
		"message refused", "considered unsolicited", "bad reverse", "reverse dns", "reverse lookup", "ptr record", "helo command rejected", "use the smtp server of your isp",
		"dynamic ip", "service refused", "rejected by recipient's", "message rejected due", "infected", "prohibited attachment", "attachment type", "header error",
		"mail refused", "als spam", "spamverdacht", "unerwünscht", "indésirable", "correo no deseado", "posta indesiderata", "спам", "заблокирован", "черном списке", "迷惑メール", "垃圾邮件", "垃圾郵件", "被拒绝", "拒收", "스팸",
	}},
	{hostUnknown, []string{
		"host unknown", "unknown host", "host not found", "host or domain name not found", "domain name not found", "domain not found", "no such domain", "unrouteable mail domain",
		"domain does not exist", "domain doesn't exist", "nxdomain", "no mx", "no mail server", "null mx", "does not accept mail", "doesn't receive email", "doesn't accept email",
		"bad destination system", "bad destination mailbox system", "couldn't find any host", "can't find any host", "name server: host not found", "couldn't be found or",
		"unable to find a valid", "domain isn't configured", "no route to domain", "domain lookup failed", "couldn't find the domain", "domain couldn't be found", "infodomainnonexistent", "illegal host/domain",
		"unresolvable", "name or service not known", "domain unknown", "unknown domain", "domain invalid", "invalid domain", "dns error", "name service error", "domain notfound",
	}},
	{mailboxDisabled, []string{
		"account disabled", "account is disabled", "account has been disabled", "account that you tried to reach is disabled", "mailbox disabled", "mailbox is disabled",
		"disabled mailbox", "user disabled", "disabled user", "account inactive", "account is inactive", "mailbox is inactive", "mailbox inactive", "user is inactive", "inactive user",
		"account suspended", "account is suspended", "account has been suspended", "user suspended", "user is suspended", "mailbox suspended", "suspended",
		"account deactivated", "account has been deactivated", "account is deactivated", "mailbox deactivated", "deactivated mailbox", "account is locked", "account locked",
		"account has been locked", "account closed", "has been disabled", "is disabled", "account expired", "mailbox is frozen", "mailbox frozen",
		"not accepting mail", "konto deaktiviert", "postfach deaktiviert", "konto gesperrt", "compte désactivé", "cuenta desactivada", "cuenta deshabilitada",
		"account disattivato", "conta desativada", "отключен", "ящик неактивен", "停用", "被禁用", "被锁定", "冻结",
	}},
	{userUnknown, userUnknownWords},
	{mailboxDisabled, []string{"temporarily unavailable", "not active", "inactive"}},
	{tooLarge, []string{
		"too large", "too big", "message size exceeds", "size limit", "exceeds the maximum", "exceeds maximum", "message exceeds", "exceeded the maximum size", "larger than", "message length exceeds",
		"exceeds fixed maximum", "maximum message size", "zu groß", "trop volumineux", "demasiado grande", "troppo grande", "muito grande", "te groot", "слишком большо", "太大", "サイズが",
	}},
	{mailLoop, []string{"too many hops", "mail loop", "loops back", "hop count", "loop detected", "looping", "routing loop", "forwarding loop", "too many received", "mail forwarding loop", "loop count"}},
	{expired, []string{
		"message timed out", "time expired", "message expired", "time-expired", "expired", "queue too long", "queued too long", "in queue too long", "retry time", "deferred: message", "delivery time", "queue lifetime", "retry timeout", "repeated attempts", "retry count exceeded", "delivery timed out",
	}},
	{noAnswer, []string{
		"timed out", "time out", "timeout", "time-out", "connection refused", "network is unreachable", "no route to host", "connection dropped", "lost connection", "could not connect", "couldn't connect", "can't connect", "cannot connect", "unable to connect",
		"connect to ", "requests to connect", "not responding", "did not respond", "didn't respond", "not reachable", "unreachable", "no answer from host", "connection reset", "connection died", "deferred", "wasn't able to establish",
		"establish an smtp connection", "bad connection", "network error", "connection was", "host is down", "host down", "не отвечает", "连接失败", "连接超时", "无法连接",
	}},
	{systemError, []string{
		"system error", "internal error", "command died", "command failed", "local configuration", "local error", "mail server error", "i/o error", "server error", "misconfig", "out of memory",
		"insufficient system", "disk full", "no space left", "permission denied", "service unavailable", "system not accepting", "configuration error", "can't create", "cannot create", "couldn't create",
		"unable to deliver to mailbox", "deferral", "processing error", "error while being processed", "mailer error", "protocol error", "pipe to", "exit status", "server configuration",
	}},
	{spamRefused, []string{"rejected by", "access denied", "denied", "policy", "forbidden", "not authorized", "unauthorized", "refused"}},
}

// userUnknownWords say that there is no such mailbox.
var userUnknownWords = []string{
	"user unknown", "unknown user", "no such user", "user not found", "user doesn't", "user does not", "nosuchuser", "no user", "invalid user", "not a known user",
	"this user", "not our customer", "unknown recipient", "recipient unknown", "recipient not found", "recipnotfound", "recipientnotfound", "recipient notfound", "no such recipient",
	"invalid recipient", "recipient rejected", "recipient address rejected", "recipient is not", "recipient does not", "recipient doesn't", "recipient name is not", "recipient could not be found",
	"no such mailbox", "no mailbox", "mailbox unavailable", "mailbox not found", "mailbox unknown", "unknown mailbox", "mailbox does not", "mailbox doesn't", "mailbox not available", "mailbox isn't",
	"does not exist", "doesn't exist", "not exist", "no longer exist", "no such address", "unknown address", "address unknown", "address not found", "address rejected", "address couldn't be found",
	"address you entered couldn't", "address wasn't found", "address is not", "address does not", "address invalid", "invalid address", "invalid mailbox", "bad address", "unrouteable address",
	"not a valid", "isn't a valid", "no valid recipient", "not known", "unknown or illegal", "unknown local", "unknown account", "no account", "no such account", "account not found", "account unknown",
	"account that you tried", "account does not", "account doesn't", "account has been deleted", "account closed", "account terminated", "unknown or invalid", "undeliverable address", "not listed in",
	"not found in directory", "no matches to", "couldn't be found", "could not be found", "wasn't found", "was not found at", "is not found", "did not exactly match", "no longer valid", "no longer works", "no longer available",
	"left the company", "no longer with", "no longer employed", "has moved", "user has been removed", "not recognized", "bad destination mailbox", "bad recipient", "unable to find user", "unknown extension",
	"doesn't have a", "does not have a", "illegal user", "illegal alias", "alias not found", "invalid final delivery", "misspelled", "rcp-p", "nonexistent", "non-existent", "not valid recipient", "user invalid", "user not exist",
	"benutzer unbekannt", "unbekannter benutzer", "unbekannter empfänger", "empfänger unbekannt", "existiert nicht", "nicht gefunden", "nicht bekannt", "adresse ungültig", "kein solcher",
	"utilisateur inconnu", "destinataire inconnu", "adresse inconnue", "n'existe pas", "introuvable", "adresse invalide", "compte inexistant",
	"usuario desconocido", "destinatario desconocido", "no existe", "no se encontró", "no se ha encontrado", "dirección no válida", "usuario no encontrado",
	"utente sconosciuto", "destinatario sconosciuto", "non esiste", "inesistente", "non è stato trovato", "non trovato", "indirizzo non valido",
	"usuário desconhecido", "destinatário desconhecido", "não existe", "não foi encontrado", "inexistente", "usuário inexistente",
	"onbekende gebruiker", "gebruiker onbekend", "bestaat niet", "onbekende ontvanger", "niet gevonden", "nieznany użytkownik", "nie istnieje", "nie znaleziono", "nieznany odbiorca",
	"okänd användare", "finns inte", "hittades inte", "ukendt bruger", "findes ikke", "ukjent bruker", "finnes ikke", "blev ikke fundet", "ei löydy", "ei ole olemassa", "tuntematon vastaanottaja",
	"neexistuje", "neznámý uživatel", "nem létezik", "ismeretlen felhasználó", "nu există", "bulunamadı", "mevcut değil", "bilinmeyen kullanıcı", "άγνωστος χρήστης", "δεν υπάρχει",
	"не существует", "не найден", "неизвестный пользователь", "нет такого", "неизвестен", "не існує", "не знайдено",
	"存在しません", "見つかりません", "宛先不明", "ユーザーが不明", "存在しない", "用户不存在", "不存在", "收件人不存在", "无此用户", "没有找到", "未找到", "無此用戶", "查无此", "존재하지 않", "찾을 수 없",
}

// reasonPhrases has a group for each line of reasonWords.
var reasonPhrases = func() *phrases {
	var groups [][]string
	for _, w := range reasonWords {
		groups = append(groups, w.phrases)
	}
	return newPhrases(groups...)
}()

// reasonInWords tells the reason from folded words.
func reasonInWords(words string) reason {
	if found := reasonPhrases.found(words); found != 0 {
		return reasonWords[bits.TrailingZeros32(found)].reason
	}
	return noReason
}
