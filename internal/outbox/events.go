package outbox

// The events of the log, one for each way an attempt ends. Each carries item,
// ticket, to, attempt, host and reply.
const (
	EventDelivered = "mail delivered"
	EventDeferred  = "mail deferred"
	EventBounced   = "mail bounced"
	// EventUnrecorded: an attempt was made and the store did not take its
	// result. The mail falls due again.
	EventUnrecorded = "delivery not recorded"
	// EventStore: the store could not be asked for due mail; it is asked again.
	EventStore = "outbox cannot read the store"
)
