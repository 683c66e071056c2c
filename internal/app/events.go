package app

// The events of the desk as a whole: the value of the field "event" in the log.
// docs/events.md says what each means and which fields it carries.
const (
	EventCertificate       = "app-certificate"
	EventCertificateBroken = "app-certificate-broken"
	EventReloaded          = "app-reloaded"
	EventReloadRefused     = "app-reload-refused"
)

// Events lists every event of the desk as a whole.
func Events() []string {
	return []string{EventCertificate, EventCertificateBroken, EventReloaded, EventReloadRefused}
}
