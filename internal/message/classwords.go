package message

// answerPrefixes stand before the colon in the subject of an answer or a
// forward.
var answerPrefixes = []string{
	"re", "aw", "antw", "antwort", "sv", "vs", "ref", "rif", "r", "res", "odp", "ynt", "yan", "vá", "atb", "ats", "bls", "ha", "απ", "ответ", "回复", "答复", "回覆", "返信", "답장", "rép", "réf", "fw", "fwd", "wg", "tr", "rv", "enc", "i", "doorst", "vb", "vl", "pd", "ilt", "továbbítás", "пересл", "转发", "轉寄", "転送", "전달",
}

// autoSubjects begin the subject of an automatic answer in the words of the
// program that makes it.
var autoSubjects = []string{
	"automatic reply", "automatic response", "auto reply", "auto-reply", "autoreply", "auto response", "auto-response", "autoresponse", "auto:", "autoresponder", "auto responder", "automated reply", "automated response", "out of office autoreply", "out of office reply", "out of office auto",
	"out-of-office reply", "vacation reply", "vacation message", "vacation response", "away from my mail", "away from office reply",
	"out of office:", "out-of-office:", "out of the office:", "ooo:", "abwesenheit:", "abwesend:", "nicht im büro:", "absence du bureau :", "absence du bureau:", "absent du bureau", "fuera de la oficina:", "fuera de oficina:", "fuori sede:", "fuori ufficio:", "fora do escritório:", "ausência temporária:", "afwezig:", "niet op kantoor:", "frånvarande:", "fraværende:", "poissa:", "poza biurem:", "вне офиса:", "不在通知:",
	"automatische antwort", "automatische rückantwort", "auto-antwort", "autoantwort", "abwesenheitsnotiz", "abwesenheitsnachricht", "abwesenheitsmeldung", "abwesenheitsassistent", "abwesenheitsagent",
	"réponse automatique", "reponse automatique", "message automatique", "réponse auto", "message d'absence", "respuesta automática", "respuesta automatica", "autorespuesta", "respuesta de fuera de oficina",
	"risposta automatica", "automatisch antwoord", "automatische reactie", "automatisch bericht", "afwezigheidsbericht", "afwezigheidsassistent", "resposta automática", "resposta automatica",
	"autosvar", "automatiskt svar", "automatisk svar", "autosvarer", "fraværsbesked", "frånvaromeddelande", "fraværsmelding", "automaattinen vastaus", "poissaoloilmoitus", "automatyczna odpowiedź", "automatyczna odpowiedz", "autoodpowiedź",
	"odpowiedź automatyczna", "automatická odpověď", "automaticka odpoved", "automatická odpoveď", "automatikus válasz", "răspuns automat", "raspuns automat", "автоматический ответ", "автоответ", "автовідповідь", "автоматична відповідь",
	"автоматичен отговор", "αυτόματη απάντηση", "otomatik yanıt", "otomatik cevap", "自動返信", "自動応答", "自动回复", "自動回覆", "自动答复", "자동 회신", "자동 응답", "자동회신", "자동응답", "samodejni odgovor", "automatski odgovor", "automatinis atsakymas",
	"automātiska atbilde", "automātiskā atbilde", "аутоматски одговор", "автоматски одговор", "پاسخ خودکار", "erantzun automatikoa", "स्वचालित उत्तर", "balasan automatik", "përgjigje automatike", "автоматты жауап", "ავტომატური პასუხი", "avtomatik cavab", "outomatiese antwoord", "ateb awtomatig", "freagra uathoibríoch", "jawaban otomatis", "automatisk besvarelse", "رد آلي", "الرد التلقائي", "自動応答メッセージ", "자동답장", "automaatne vastus", "automaatvastus", "ตอบกลับอัตโนมัติ", "trả lời tự động", "balasan otomatis", "jawapan automatik", "رد تلقائي", "תשובה אוטומטית", "מענה 'אני לא נמצא'", "מענה אוטומטי", "resposta automàtica", "sjálfvirkt svar",
}

// awaySubjects begin the subject of an absent person's mail, by program or by
// hand.
var awaySubjects = []string{
	"out of office", "out of the office", "out-of-office", "ooo", "ooto", "on vacation", "vacation", "away from", "away until", "i am away", "i'm away", "on leave", "annual leave", "on holiday", "away:", "not in the office", "away on",
	"abwesenheit", "abwesend", "nicht im büro", "im urlaub", "außer haus", "ausser haus", "absence du bureau", "absence", "absent", "absent(e)", "absent(e) du bureau", "en congé", "urlaub", "ferien", "congés", "vacances", "vacaciones", "ferie", "semester", "urlop", "отпуск", "отпуска", "szabadságon", "nieobecna", "godišnji odmor", "dopust", "puhkus", "atostogos", "atvaļinājum", "fuera de la oficina", "fuera de oficina", "ausente", "ausencia", "de vacaciones", "fuori sede", "fuori ufficio", "assente", "assenza", "in ferie",
	"afwezig", "niet op kantoor", "ausência", "fora do escritório", "ausente do escritório", "de férias", "fraværende", "fravær", "frånvaro", "frånvarande", "ikke på kontoret", "inte på kontoret", "poissa", "poissaolo", "lomalla", "nieobecność", "poza biurem", "nieobecny",
	"mimo kancelář", "nepřítomnost", "dovolená", "mimo kancelárie", "házon kívül", "szabadság", "în afara biroului", "absent din birou", "вне офиса", "отсутствую", "отсутствие", "в отпуске", "нет на месте", "відсутн", "поза офісом", "εκτός γραφείου", "ofis dışında", "izindeyim", "ofis dışı",
	"不在", "不在通知", "外出", "休暇", "外出中", "外出通知", "休假", "不在办公室", "不在辦公室", "부재", "부재중", "휴가",
}

// awayWithin stand behind a name in the subject of an absent person's mail, and
// returningWithin only where a program wrote it.
var (
	awayWithin      = newPhrases([]string{" is out of the office", " is out of office", " will be out of the office", " is away", " is on vacation", " is on leave", " ist außer haus", " ist nicht im büro", " ist abwesend", " ist im urlaub", " est absent", " está ausente", " está fuera de la oficina", " è assente", " è fuori ufficio", " is afwezig", " is niet aanwezig", " är inte på kontoret", " er ikke på kontoret", " não está no escritório"})
	returningWithin = []string{"(returning ", "(rückkehr am", "(rückkehr ", "(retour ", "(regresa ", "(ritorno ", "(terug "}
)

// What absent people's programs say: that they are away, when they return, whom
// to turn to instead, that mail is not read, and that a program answers.
var (
	awayWords = []string{
		"out of the office", "out of office", "away from the office", "away from my desk", "on vacation", "on leave", "annual leave", "on holiday", "i am away", "i'm away", "i will be away", "maternity leave", "parental leave", "not in the office", "currently away", "travelling", "traveling",
		"nicht im büro", "nicht im haus", "außer haus", "ausser haus", "im urlaub", "abwesend", "nicht erreichbar", "nicht am arbeitsplatz", "absent", "en congé", "en vacances", "hors du bureau", "fuera de la oficina", "de vacaciones", "ausente", "fuori ufficio", "fuori sede", "in ferie", "assente",
		"niet op kantoor", "afwezig", "met vakantie", "op vakantie", "fora do escritório", "de férias", "ikke på kontoret", "på ferie", "inte på kontoret", "på semester", "på kontoret igen", "lomalla", "poissa", "toimistolta", "poza biurem", "na urlopie", "nieobecn", "nepřítom", "na dovolené", "mimo kancelář",
		"szabadságon", "irodán kívül", "în concediu", "nu sunt la birou", "в отпуске", "отсутствую", "вне офиса", "нет на месте", "у відпустці", "відсутн", "εκτός γραφείου", "σε άδεια", "απουσιάζω", "ofis dışında", "izinde", "不在", "休暇", "休み", "外出", "休假", "出差", "不在办公室", "부재", "휴가", "출장",
	}
	returnWords = []string{
		"will return", "will be back", "returning on", "return on", "i return", "back on", "back in the office", "until", "upon my return", "when i return", "after my return", "on my return", "be back",
		"wieder erreichbar", "wieder im büro", "wieder da", "zurück", "bis zum", "bis einschließlich", "jusqu'au", "de retour", "mon retour", "hasta el", "regreso", "vuelvo", "rientro", "ritorno", "fino al", "tornerò", "terug", "tot en met", "regresso", "retorno", "voltarei", "até", "tilbage", "tillbaka", "åter", "palaan", "saakka", "asti",
		"wracam", "powrot", "powró", "do dnia", "wrócę", "vrátím", "zpět", "visszaérk", "vissza", "revin", "până", "вернусь", "возвращ", "до ", "повернусь", "επιστρέψω", "επιστροφή", "döneceğim", "kadar", "まで", "戻り", "返回", "回来", "之前", "까지", "복귀",
	}
	insteadWords = []string{
		"urgent", "please contact", "please email", "in my absence", "during my absence", "in the meantime", "immediate assistance", "need assistance", "contact my colleague", "please call", "emergency",
		"dringend", "in meiner abwesenheit", "wenden sie sich", "vertret", "urgence", "veuillez contacter", "mon absence", "merci de contacter", "urgente", "póngase en contacto", "contacte", "mi ausencia", "contattare", "mia assenza", "contact opnemen", "mijn afwezigheid", "dringende", "entre em contato", "minha ausência", "haster", "kontakt", "brådskande", "kiireelli", "ota yhteyttä",
		"pilnych", "proszę o kontakt", "kontaktujte", "sürgős", "forduljon", "contactaţi", "contactați", "срочн", "обращайтесь", "терміново", "звертайтесь", "επικοινωνήστε", "acil", "iletişime", "緊急", "お急ぎ", "ご連絡", "紧急", "如有", "請聯", "请联系", "긴급", "급한", "연락",
	}
	accessWords = []string{
		"access to email", "access to e-mail", "access to my email", "access to my e-mail", "access to mail", "limited access", "no access", "not be able to respond", "reply as soon", "respond as soon", "get back to you", "respond to your", "reply to your", "will not be read", "not be forwarded", "thank you for your message", "thank you for your email", "thanks for your email", "thank you for your e-mail", "thanks for your message", "checking email", "checking my email", "respond when", "answer your",
		"nicht weitergeleitet", "nicht gelesen", "vielen dank für ihre nachricht", "vielen dank für ihre e-mail", "vielen dank für ihre mail", "danke für ihre", "so bald wie möglich", "baldmöglichst", "nach meiner rückkehr", "accès limité", "pas accès", "merci pour votre message", "dans les meilleurs délais", "dès mon retour", "acceso limitado", "gracias por su mensaje", "gracias por su correo", "responderé", "accesso limitato", "grazie per", "risponderò", "appena possibile",
		"bedankt voor uw", "zo spoedig mogelijk", "beperkt toegang", "obrigado pela", "obrigado por", "responderei", "acesso limitado", "tak for din", "tack för ditt", "takk for", "begrenset", "begrænset adgang", "kiitos viesti", "dziękuję za", "odpowiem", "děkuji za", "odpovím", "köszönöm", "válaszol", "vă mulțumesc", "voi răspunde", "спасибо за", "отвечу", "ответить", "дякую за", "відповім", "ευχαριστώ", "teşekkür", "ありがとうございます", "返信", "感谢您的", "谢谢", "回复您", "감사합니다", "답변", "답장",
	}
	automaticWords = []string{
		"this is an automatic reply", "this is an automated reply", "this is an automatic response", "this is an automated response", "this is an auto reply", "this is an auto-reply", "this is an autoreply", "this is an autoresponse", "automatically generated reply", "automatically generated response", "this is an automatic message", "automatic out of office", "vacation autoreply", "auto-generated reply",
		"automatische antwort", "automatisch generierte antwort", "automatisch erzeugte antwort", "automatische nachricht", "automatisch erstellte antwort", "réponse automatique", "message automatique", "respuesta automática", "mensaje automático", "risposta automatica", "messaggio automatico", "automatisch antwoord", "automatisch bericht", "automatisch gegenereerd", "resposta automática", "mensagem automática",
		"automatisk svar", "autosvar", "automatiskt svar", "automaattinen vastaus", "automaattivastaus", "automatyczna odpowiedź", "wiadomość automatyczna", "automatická odpověď", "automatická odpoveď", "automatikus válasz", "răspuns automat", "автоматический ответ", "автоответ", "автоматическое сообщение", "автоматична відповідь", "автовідповідь", "αυτόματη απάντηση", "αυτόματο μήνυμα", "otomatik yanıt", "otomatik cevap", "otomatik mesaj", "自動返信です", "自動返信メール", "自動返信させ", "自動返信され", "自動で返信", "自動的に返信", "自動応答です", "自動応答メール", "自动回复", "自動回覆", "자동 응답", "자동 회신", "자동으로 발송",
	}
)

// receiptSubjects and receiptWords are those of read receipts before RFC 8098.
var (
	receiptSubjects = []string{
		"read:", "not read:", "deleted:", "read receipt", "return receipt", "reading confirmation", "gelesen:", "ungelesen gelöscht:", "nicht gelesen:", "gelöscht:", "lesebestätigung", "lu:", "lu :", "non lu:", "non lu :", "supprimé", "accusé de lecture", "leído:", "no leído:", "eliminado:", "confirmación de lectura", "letto:", "non letto:", "conferma di lettura", "gelezen:", "niet gelezen:", "leesbevestiging",
		"lida:", "lido:", "não lida:", "confirmação de leitura", "läst:", "oläst:", "læst:", "lest:", "ikke lest:", "luettu:", "przeczytano:", "przeczytane:", "potwierdzenie przeczytania", "přečteno:", "prečítané:", "olvasva:", "citit:", "прочтено:", "прочитано:", "αναγνώστηκε:", "okundu:", "開封済み", "开封", "已读", "已讀", "읽음", "disposition notification",
	}
	receiptWords = []string{
		"was read on", "was read by", "has been read", "was displayed on", "has been displayed", "was deleted without being read", "deleted without being read", "was received by", "return receipt for the mail", "this is a return receipt", "no guarantee that the message has been read", "does not guarantee that", "was opened", "your message to", "your message was read",
		"wurde gelesen", "gelesen am", "wurde am", "ungelesen gelöscht", "wurde angezeigt", "a été lu", "été affiché", "supprimé sans", "se leyó", "fue leído", "ha sido leído", "se eliminó sin", "è stato letto", "è stata visualizzata", "è stato visualizzato", "is gelezen", "werd gelezen", "foi lida", "foi lido", "foi exibida", "lästes", "har lästs", "blev læst", "er blevet læst", "ble lest", "luettiin", "on luettu", "została przeczytana", "przeczytano", "byla přečtena", "bola prečítaná", "elolvas", "a fost citit", "было прочитано", "прочитано", "αναγνώστηκε", "okundu", "開封", "已阅读", "已读", "已讀取", "읽었", "읽음",
	}
)

// calendarSubjects begin the subject of an answer to an invitation.
var calendarSubjects = []string{
	"accepted:", "declined:", "tentative:", "tentatively accepted:", "canceled:", "cancelled:", "new time proposed:", "zugesagt:", "abgelehnt:", "mit vorbehalt:", "abgesagt:", "accepté", "refusé", "provisoire", "annulé", "aceptad", "rechazad", "cancelad", "accettat", "rifiutat", "annullat", "geaccepteerd:", "geweigerd:", "geannuleerd:", "aceit", "recusad",
}

// Challenge-response services, and how they speak.
var (
	challengeSenders  = []string{"@spamarrest.com", "@boxbe.com", "@bluebottle.com", "@mailblocks.com", "@sendio.", "-confirm-@", "@vanquish.com", "@qboxmail-verify", "@choicemail", "@0spam.com", "@spamlion", "@knowspam"}
	challengeSubjects = []string{
		"please confirm your message", "please confirm your email", "confirm your message", "verify your email", "verification required", "sender verification", "sender confirmation", "requires verification", "action required", "waiting for your approval", "approval needed", "confirmation required", "please verify", "message awaiting", "your message is being held", "please authenticate", "prove you are human", "requires your confirmation", "confirm unsolicited",
	}
	challengeAsks = []string{
		"click the link below to", "click on the link below to", "click here to verify", "click here to confirm", "click the following link to", "simply reply to this message", "reply to this message to confirm", "reply to this email to confirm", "just reply to this", "complete this verification", "verify yourself", "confirm that you are", "prove that you are", "prove you are", "please verify that you", "type the letters", "enter the code", "solve the captcha", "one-time verification", "one time verification", "to have your message delivered", "to release your message", "to deliver your message", "klicken sie auf den folgenden link, um ihre nachricht", "antworten sie einfach auf diese",
	}
	challengeWhy = []string{
		"challenge/response", "challenge-response", "challenge response", "i use spam arrest", "protected by spam", "not on my approved", "not in my approved", "approved senders", "approved sender list", "allowed senders", "whitelist", "white list", "not recognized as a sender", "guest list", "is being held", "has been held", "held until", "held in quarantine", "first time you have sent", "first message from you", "verify that a human", "you are a human", "you are human", "real person", "not a spammer", "to prevent spam", "control spam", "stop spam", "protect myself from spam", "stop unwanted", "junk email",
	}
)

// unsubscribeWords offer to leave a list.
var unsubscribeWords = []string{
	"unsubscribe", "opt out", "opt-out", "manage your preferences", "email preferences", "abmelden", "abbestellen", "newsletter", "se désabonner", "désinscri", "desinscri", "darse de baja", "cancelar la suscripción", "cancelar suscripción", "disiscri", "annulla iscrizione", "afmelden", "uitschrijven", "cancelar inscrição", "descadastr", "avregistrera", "afmeld", "avmeld", "peruuta tilaus", "wypisz", "zrezygnuj", "odhlásit", "leiratkoz", "dezabon", "отписаться", "отказаться от рассылки", "відписатися", "abonelikten", "配信停止", "退订", "退訂", "수신거부", "수신 거부",
}

// receivedWords acknowledge a mail.
var receivedWords = []string{
	"we have received your", "we've received your", "your request has been received", "your message has been received", "your email has been received", "your e-mail has been received", "has been received and", "ticket has been created", "ticket has been opened", "case has been created", "thank you for contacting", "thanks for contacting", "thank you for your inquiry", "thank you for getting in touch", "request has been submitted",
	"haben ihre nachricht erhalten", "haben ihre e-mail erhalten", "ihre anfrage erhalten", "ihre anfrage ist", "ihre nachricht ist bei uns", "vielen dank für ihre anfrage", "avons bien reçu", "accusons réception", "hemos recibido su", "abbiamo ricevuto", "hebben uw bericht ontvangen", "hebben uw e-mail ontvangen", "recebemos a sua", "recebemos sua", "vi har modtaget", "vi har mottagit", "vi har mottatt", "olemme vastaanottaneet", "otrzymaliśmy", "obdrželi jsme", "megkaptuk", "am primit", "получили ваш", "ваше обращение", "ваш запрос", "отримали ваш", "λάβαμε το", "mesajınızı aldık", "お問い合わせいただき", "受け付けました", "受付いたしました", "已收到您", "已經收到您", "접수되었습니다",
}

// unattendedWords say that nobody reads answers.
var unattendedWords = []string{
	"do not reply to this", "do not respond to this", "please do not reply", "please don't reply", "don't reply to this", "cannot be replied to", "not monitored", "unmonitored", "unattended mailbox", "automatically generated", "auto-generated", "automated message", "automated email", "automated e-mail", "automatic email", "automatic notification", "generated automatically", "sent automatically", "system generated", "system-generated", "this is an automated",
	"nicht auf diese", "automatisch generiert", "automatisch erstellt", "automatisch erzeugt", "automatisch versendet", "bitte antworten sie nicht", "ne pas répondre", "ne répondez pas", "généré automatiquement", "message automatique", "no responda", "no conteste", "generado automáticamente", "mensaje automático", "non rispondere", "generato automaticamente", "niet beantwoorden", "niet reageren op", "automatisch gegenereerd", "não responda", "gerado automaticamente", "svara inte", "svar ikke", "älä vastaa", "prosimy nie odpowiadać", "nie odpowiadaj", "wygenerowana automatycznie", "neodpovídejte", "ne válaszoljon", "nu răspunde", "не отвечайте", "создано автоматически", "автоматически", "не відповідайте", "μην απαντ", "yanıtlamayın", "返信しないで", "送信専用", "自動送信", "请勿回复", "請勿回覆", "自动发送", "회신하지", "발신전용", "발신 전용",
}
