package ticketstore

// Auth sums up a Verdict for decisions.
type Auth string

// What the authentication of a mail comes to.
const (
	// AuthAligned: exactly one From mailbox, and an SPF or DKIM pass for a
	// domain aligned with it, with or without a DMARC record.
	AuthAligned Auth = "aligned"
	// AuthNone: nothing speaks for the From address and nothing against it.
	AuthNone Auth = "none"
	// AuthFail: DMARC failed, or SPF failed where there is no DMARC record.
	AuthFail Auth = "fail"
	// AuthTempError: DNS did not answer in time; the same mail may pass later.
	AuthTempError Auth = "temperror"
)

// Auths lists every value of Auth.
var Auths = []Auth{AuthAligned, AuthNone, AuthFail, AuthTempError}

// Verdict is what SPF, DKIM and DMARC say about a mail. Result words are those
// of RFC 8601 §2.7. It is computed once, at the door, and kept.
type Verdict struct {
	SPF   SPFResult    `json:"spf"`
	DKIM  []DKIMResult `json:"dkim"`
	DMARC DMARCResult  `json:"dmarc"`
	ARC   ARCResult    `json:"arc"`
	Auth  Auth         `json:"auth"`
	// Authenticated is Auth == AuthAligned.
	Authenticated bool `json:"authenticated"`
	// Reason says in words what Auth rests on.
	Reason string `json:"reason"`
}

// SPFResult is the outcome of RFC 7208 for the envelope sender or, when that
// is null, the HELO name.
type SPFResult struct {
	Result string `json:"result"`
	Domain string `json:"domain"`
	Reason string `json:"reason,omitempty"`
}

// DKIMResult is the outcome of one signature (RFC 6376).
type DKIMResult struct {
	Result   string `json:"result"`
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
	Aligned  bool   `json:"aligned,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// DMARCResult is the outcome of RFC 9989 for the From domain.
type DMARCResult struct {
	Result string `json:"result"`
	Domain string `json:"domain"`           // of the From field
	Policy string `json:"policy,omitempty"` // none, quarantine or reject: what the domain asks for
	Record string `json:"record_domain,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// ARCResult is the state of the chain of RFC 8617; "none" when not evaluated.
type ARCResult struct {
	Result string `json:"result"`
	Reason string `json:"reason,omitempty"`
}
