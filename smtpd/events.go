package smtpd

import "github.com/rs/zerolog"

// The business events of the door: the value of the field "event" in the log.
// docs/events.md says what each means and which fields it carries.
const (
	EventConnected    = "smtp-connected"
	EventDisconnected = "smtp-disconnected"
	EventTooMany      = "smtp-too-many-connections"
	EventNetwork      = "smtp-too-many-from-network"
	EventLoad         = "smtp-load"
	EventEvicted      = "smtp-evicted"
	EventNoMemory     = "smtp-no-memory"
	EventNoDisk       = "smtp-no-disk"
	EventMailRate     = "smtp-too-many-mails"
	EventRcptRate     = "smtp-too-many-recipients"
	EventSlow         = "smtp-too-slow"
	EventHostile      = "smtp-hostile"
	EventAhead        = "smtp-talks-ahead"
	EventTimeout      = "smtp-timeout"
	EventSessionTime  = "smtp-session-timeout"
	EventDataTime     = "smtp-data-timeout"
	EventSlowedDown   = "smtp-slowed-down"
	EventErrors       = "smtp-too-many-errors"
	EventTLS          = "smtp-tls"
	EventTLSFailed    = "smtp-tls-failed"
	EventCommand      = "smtp-command-refused"
	EventTooLarge     = "smtp-size-refused"
	EventSender       = "smtp-sender-refused"
	EventRecipient    = "smtp-recipient-refused"
	EventFull         = "smtp-recipients-beyond-limit"
	EventHeaderCut    = "smtp-header-cut"
	EventAborted      = "smtp-aborted"
	EventAccepted     = "smtp-accepted"
	EventRefused      = "smtp-refused"
	EventTrouble      = "smtp-trouble"
	EventUnreadable   = "smtp-unreadable"
	EventStopped      = "smtp-stopped"
)

// Events lists every event of the door.
func Events() []string {
	return []string{
		EventConnected, EventDisconnected, EventTooMany, EventNetwork, EventLoad, EventEvicted, EventNoMemory, EventNoDisk, EventMailRate,
		EventRcptRate, EventSlow, EventHostile, EventAhead,
		EventTimeout, EventSessionTime, EventDataTime, EventSlowedDown, EventErrors, EventTLS, EventTLSFailed, EventCommand, EventTooLarge, EventSender,
		EventRecipient, EventFull, EventHeaderCut, EventAborted, EventAccepted, EventRefused, EventTrouble,
		EventUnreadable, EventStopped,
	}
}

// levelOf is the level of an event that ends a connection.
func levelOf(event string) zerolog.Level {
	if event == EventStopped {
		return zerolog.DebugLevel
	}
	return zerolog.InfoLevel
}
