package ticketstore

// storedAction is an Action as its table keeps it: without fresh where that is
// the whole text, as it is in most mails. A store of short mails would else hold
// each of their words twice.
type storedAction struct {
	*Action
	Fresh *string `json:"fresh,omitempty"` // instead of the action's own
}

func stored(a *Action) storedAction {
	if a.Fresh == a.Text {
		return storedAction{Action: a}
	}
	return storedAction{a, &a.Fresh}
}

// decodeAction reads a stored action; its parameters are those that get returns.
func decodeAction(b []byte, err error) (Action, error) {
	s, err := decode[storedAction](b, err)
	if err != nil || s.Action == nil {
		return Action{}, err
	}
	s.Action.Fresh = s.Text
	if s.Fresh != nil {
		s.Action.Fresh = *s.Fresh
	}
	return *s.Action, nil
}
