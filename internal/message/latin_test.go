package message

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// latinTexts are texts as people write them to a help desk, in the languages
// whose pages are told apart.
var latinTexts = []struct {
	lang  string
	pages []encoding.Encoding
	text  string
}{
	{"pl", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "Wysłałem fakturę w zeszłym tygodniu, ale księgowość jeszcze jej nie otrzymała. Proszę o sprawdzenie, czy załącznik doszedł, i o krótką odpowiedź. Jeśli będzie trzeba, prześlę ją jeszcze raz. Dziękuję za pomoc, życzę miłego dnia."},
	{"pl", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "Nie mogę się zalogować do systemu, hasło wygasło wczoraj i żadna próba zmiany nie działa."},
	{"cs", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "Fakturu jsem odeslal minulý týden, ale účetní oddělení ji ještě neobdrželo. Prosím o kontrolu, zda příloha došla, a o krátkou odpověď. Když bude třeba, pošlu ji znovu. Děkuji za pomoc a přeji hezký den."},
	{"cs", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "Nemůžu se přihlásit do systému, heslo včera vypršelo a žádný pokus o změnu nepomohl."},
	{"sk", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "Faktúru som odoslal minulý týždeň, ale účtovné oddelenie ju ešte nedostalo. Prosím o kontrolu, či príloha došla, a o krátku odpoveď. Ak bude treba, pošlem ju znova. Ďakujem za pomoc a želám pekný deň."},
	{"sk", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "Nemôžem sa prihlásiť do systému, heslo včera vypršalo a žiadny pokus o zmenu nepomohol."},
	{"hu", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "A számlát a múlt héten elküldtem, de a könyvelés még nem kapta meg. Kérem, ellenőrizzék, hogy a melléklet megérkezett-e, és küldjenek rövid választ. Ha szükséges, újra elküldöm a következő levélben. Köszönöm a segítséget, szép napot kívánok, üdvözlettel."},
	{"hu", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "Nem tudok bejelentkezni a rendszerbe, a jelszó tegnap lejárt, és nem működik a módosítás, sőt a gyűjtő is üres."},
	{"ro", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "Am trimis factura săptămâna trecută, dar contabilitatea încă nu a primit-o. Vă rog să verificaţi dacă ataşamentul a ajuns şi să îmi trimiteţi un răspuns scurt. Dacă este nevoie, o trimit din nou. Mulţumesc pentru ajutor şi vă doresc o zi bună."},
	{"ro", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "Nu mă pot conecta la sistem, parola a expirat şi nicio încercare de schimbare nu funcţionează."},
	{"sl", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "Račun sem poslal prejšnji teden, vendar ga računovodstvo še ni prejelo. Prosim, preverite, ali je priloga prišla, in mi pošljite kratek odgovor. Če bo treba, ga pošljem še enkrat. Hvala za pomoč in želim vam lep dan."},
	{"sl", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "Ne morem se prijaviti v sistem, geslo je včeraj poteklo in nobena sprememba še ni uspela, že tretjič."},
	{"hr", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "Račun sam poslao prošli tjedan, ali računovodstvo ga još nije primilo. Molim vas da provjerite je li prilog stigao i da mi pošaljete kratak odgovor. Ako bude potrebno, poslat ću ga ponovno. Hvala na pomoći i želim vam ugodan dan, s poštovanjem, gospođa Đurić."},
	{"hr", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2}, "Ne mogu se prijaviti u sustav, lozinka je jučer istekla i nijedan pokušaj promjene nije uspio, šaljem sliku."},
	{"tr", []encoding.Encoding{charmap.Windows1254, charmap.ISO8859_9}, "Faturayı geçen hafta gönderdim ama muhasebe hâlâ almamış. Ekin ulaşıp ulaşmadığını kontrol edip kısa bir yanıt verebilir misiniz? Gerekirse tekrar göndereceğim. Yardımınız için teşekkür eder, iyi günler dilerim."},
	{"tr", []encoding.Encoding{charmap.Windows1254, charmap.ISO8859_9}, "Sisteme giriş yapamıyorum, şifrem dün doldu ve değiştirme denemelerim başarısız oldu."},
	{"lt", []encoding.Encoding{charmap.Windows1257, charmap.ISO8859_13}, "Sąskaitą išsiunčiau praėjusią savaitę, bet buhalterija jos dar negavo. Prašau patikrinti, ar priedas atėjo, ir trumpai atsakyti. Jei reikės, atsiųsiu dar kartą. Ačiū už pagalbą, linkiu gražios dienos."},
	{"lv", []encoding.Encoding{charmap.Windows1257, charmap.ISO8859_13}, "Rēķinu nosūtīju pagājušajā nedēļā, bet grāmatvedība to vēl nav saņēmusi. Lūdzu, pārbaudiet, vai pielikums ir pienācis, un īsi atbildiet. Ja vajadzēs, nosūtīšu vēlreiz. Paldies par palīdzību, novēlu jauku dienu."},
	{"lv", []encoding.Encoding{charmap.Windows1257, charmap.ISO8859_13}, "Nevaru pieslēgties sistēmai, parole vakar beidzās un neviens mēģinājums to nomainīt nav izdevies."},
	{"et", []encoding.Encoding{charmap.Windows1257, charmap.ISO8859_13, charmap.Windows1252}, "Saatsin arve eelmisel nädalal, kuid raamatupidamine ei ole seda veel kätte saanud. Palun kontrollige, kas manus jõudis kohale, ja vastake lühidalt. Kui vaja, saadan selle uuesti. Tänan abi eest ja soovin head päeva."},
	{"et", []encoding.Encoding{charmap.Windows1257, charmap.ISO8859_13, charmap.Windows1252}, "Ma ei saa süsteemi sisse logida, parool aegus eile ja ükski muutmise katse ei õnnestunud."},
	{"de", []encoding.Encoding{charmap.Windows1252}, "Die Rechnung habe ich letzte Woche geschickt, aber die Buchhaltung hat sie noch nicht erhalten. Bitte prüfen Sie, ob der Anhang angekommen ist, und schicken Sie mir eine kurze Antwort. Schöne Grüße, Jürgen Müller"},
	{"de", []encoding.Encoding{charmap.Windows1252}, "Ich kann mich nicht anmelden, das Paßwort ist gestern abgelaufen und läßt sich nicht ändern."},
	{"fr", []encoding.Encoding{charmap.Windows1252}, "J'ai envoyé la facture la semaine dernière, mais la comptabilité ne l'a pas encore reçue. Pourriez-vous vérifier si la pièce jointe est arrivée et me répondre brièvement ? Si nécessaire, je la renverrai dès demain. Merci d'avance pour votre aide, à bientôt, être sûr."},
	{"fr", []encoding.Encoding{charmap.Windows1252}, "Je ne peux plus me connecter, le mot de passe a expiré hier et même après trois essais ça ne marche pas, où est le problème ?"},
	{"es", []encoding.Encoding{charmap.Windows1252}, "Envié la factura la semana pasada, pero contabilidad aún no la recibió. ¿Podrían comprobar si llegó el archivo y responderme brevemente? Si es necesario la enviaré mañana otra vez. Muchas gracias por su ayuda, señor Muñoz."},
	{"es", []encoding.Encoding{charmap.Windows1252}, "No puedo iniciar sesión, la contraseña caducó ayer y ningún intento de cambiarla funcionó."},
	{"pt", []encoding.Encoding{charmap.Windows1252}, "Enviei a fatura na semana passada, mas a contabilidade ainda não a recebeu. Podem verificar se o anexo chegou e enviar uma resposta rápida? Se necessário, envio amanhã outra vez. Muito obrigado pela atenção, até à próxima, João Conceição. As opções estão lá."},
	{"pt", []encoding.Encoding{charmap.Windows1252}, "Não consigo iniciar sessão, a senha expirou ontem e as tentativas de alteração não funcionam."},
	{"it", []encoding.Encoding{charmap.Windows1252}, "Ho inviato la fattura la settimana scorsa, ma la contabilità non l'ha ancora ricevuta. Potreste verificare se l'allegato è arrivato e rispondermi? Se sarà necessario la invierò di nuovo, però più tardi. Grazie, è già lunedì."},
	{"it", []encoding.Encoding{charmap.Windows1252}, "Non riesco ad accedere, la password è scaduta ieri e così non posso più lavorare, è urgente, può essere?"},
	{"ca", []encoding.Encoding{charmap.Windows1252}, "Vaig enviar la factura la setmana passada, però comptabilitat encara no l'ha rebuda. Podríeu comprovar si l'adjunt ha arribat? Moltes gràcies per l'ajuda i fins aviat, això és tot."},
	{"ca", []encoding.Encoding{charmap.Windows1252}, "No puc iniciar la sessió, la contrasenya va caducar ahir i cap intent de canviar-la no funciona, què faig?"},
	{"nl", []encoding.Encoding{charmap.Windows1252}, "De factuur heb ik vorige week verstuurd, maar de boekhouding heeft hem nog niet. Kunt u controleren of de bijlage in goede staat is, vóór vrijdag? Een reële coördinatie met België is nodig, hè."},
	{"nl", []encoding.Encoding{charmap.Windows1252}, "Ik kan niet inloggen, het wachtwoord is verlopen en één poging om het te wijzigen mislukte, geïrriteerd."},
	{"sv", []encoding.Encoding{charmap.Windows1252}, "Jag skickade fakturan förra veckan, men ekonomiavdelningen har ännu inte fått den. Kan ni kontrollera om bilagan har kommit fram och svara kort? Vid behov skickar jag den igen. Tack på förhand, Åsa Öberg"},
	{"sv", []encoding.Encoding{charmap.Windows1252}, "Jag kan inte logga in, lösenordet gick ut igår och inget försök att ändra det fungerar."},
	{"da", []encoding.Encoding{charmap.Windows1252}, "Jeg sendte fakturaen i sidste uge, men bogholderiet har endnu ikke fået den. Vil I tjekke, om den vedhæftede fil er nået frem, og svare kort? Om nødvendigt sender jeg den igen. På forhånd tak, Søren Ågård"},
	{"da", []encoding.Encoding{charmap.Windows1252}, "Jeg kan ikke logge på, adgangskoden udløb i går, og intet forsøg på at ændre den lykkedes, prøv igen."},
	{"no", []encoding.Encoding{charmap.Windows1252}, "Jeg sendte fakturaen forrige uke, men regnskap har ikke fått den. Kan dere sjekke om vedlegget kom fram og svare kort? Jeg kan sende den på nytt. På forhånd takk, Bjørn Sæther"},
	{"no", []encoding.Encoding{charmap.Windows1252}, "Jeg får ikke logget på, passordet gikk ut i går, og ingen forsøk på å endre det har lykkes, så prøv."},
	{"fi", []encoding.Encoding{charmap.Windows1252}, "Lähetin laskun viime viikolla, mutta kirjanpito ei ole vielä saanut sitä. Voisitteko tarkistaa, onko liite tullut perille, ja vastata lyhyesti? Tarvittaessa lähetän sen uudelleen. Kiitos etukäteen, hyvää päivää."},
	{"fi", []encoding.Encoding{charmap.Windows1252}, "En pääse kirjautumaan sisään, salasana vanheni eilen eikä sen vaihtaminen onnistu millään."},
	{"is", []encoding.Encoding{charmap.Windows1252}, "Ég sendi reikninginn í síðustu viku en bókhaldið hefur ekki enn fengið hann. Getið þið athugað hvort viðhengið hafi borist og svarað stutt? Ef þörf er á sendi ég það aftur. Kærar þakkir, góðan dag, Þórður Guðmundsson."},
	{"is", []encoding.Encoding{charmap.Windows1252}, "Ég get ekki skráð mig inn, lykilorðið rann út í gær og engin tilraun til að breyta því tókst, því miður."},
	{"en", []encoding.Encoding{charmap.Windows1252}, "I sent the invoice last week, but “accounting” hasn’t received it. Could you check – please – whether the attachment arrived? It’s 20 m² at ±5 °C, ½ price, © 2024 Zoë’s café."},
	{"en", []encoding.Encoding{charmap.Windows1252}, "I can’t log in – the password expired yesterday… and every “attempt” to change it fails. It’s £20 at the café."},
	{"en-q", []encoding.Encoding{charmap.Windows1252}, "The part’s 5×4 m, 10 m³ at 20 °C ± 1 °C; the “new” cost is £30 – or €40 – per m². ™ and ® apply, ¼ left."},
	{"en-q", []encoding.Encoding{charmap.Windows1252}, "Temperature 20°C ±2, area 30m², 50µm, ½ of it, §3 – ok"},
}

func TestLatinPages(t *testing.T) {
	for _, c := range latinTexts {
		for _, page := range c.pages {
			raw, err := page.NewEncoder().String(c.text)
			if err != nil {
				t.Fatalf("%s: %v", c.lang, err)
			}
			if d := cmp.Diff(c.text, decodeCharset([]byte(raw), "")); d != "" {
				t.Errorf("%s in %v (-want +got):\n%s", c.lang, page, d)
			}
		}
	}
}

func TestLatinMeasure(t *testing.T) {
	for _, text := range []string{", 10 m³ at 20 °C ± 1", "3 km² of it", "area 30m²", "cm³ only", "m³"} {
		raw, err := charmap.Windows1252.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := decodeCharset([]byte(raw), ""); got != text {
			t.Errorf("%q is read as %q", text, got)
		}
	}
}

// TestLatinDeclared reads Western texts that say what they are, and others
// that a program called Western all the same.
func TestLatinDeclared(t *testing.T) {
	for _, c := range latinTexts {
		page := c.pages[len(c.pages)-1]
		if c.pages[0] != charmap.Windows1250 && page != charmap.Windows1252 || len(c.text) < 150 {
			continue
		}
		raw, err := page.NewEncoder().String(c.text)
		if err != nil {
			t.Fatalf("%s: %v", c.lang, err)
		}
		if d := cmp.Diff(c.text, decodeCharset([]byte(raw), "iso-8859-1")); d != "" {
			t.Errorf("%s in %v (-want +got):\n%s", c.lang, page, d)
		}
	}
}

// TestLatinHint reads a few words by the country of their sender.
func TestLatinHint(t *testing.T) {
	for _, c := range []struct{ field, want string }{
		{"From: a@mail.example.lt", "Laba diena, spausdintuvas vėl neveikia."},
		{"From: a@example.org\nContent-Language: lt-LT", "Laba diena, spausdintuvas vėl neveikia."},
		{"From: a@example.org", "Laba diena, spausdintuvas vël neveikia."},
	} {
		m := readAll([]byte(c.field + "\nSubject: x\n\nLaba diena, spausdintuvas v\xebl neveikia.\n"))
		if got := strings.TrimSpace(m.Text); got != c.want {
			t.Errorf("%s: %q, want %q", c.field, got, c.want)
		}
	}
}
