package outbox

// The events of the outbox: the value of the field "event" in the log.
// docs/events.md says what each means and which fields it carries.
const (
	EventDelivered  = "outbox-delivered"
	EventDeferred   = "outbox-deferred"
	EventBounced    = "outbox-bounced"
	EventUnrecorded = "outbox-unrecorded"
	EventStore      = "outbox-store"
)

// Events lists every event of the outbox.
func Events() []string {
	return []string{EventDelivered, EventDeferred, EventBounced, EventUnrecorded, EventStore}
}
