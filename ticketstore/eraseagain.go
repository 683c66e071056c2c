package ticketstore

import "maps"

// eraseAgain takes out what was erased and came back with a repair, from a backup
// or a page that nothing leads to any more.
func (r *repair) eraseAgain() error {
	erased := map[TicketID]uint32{} // what was said before this entry
	for id := range r.actions {
		if n := r.erasedBefore(id); n > 0 {
			erased[id] = n
		}
	}
	for id, n := range erased { // which forgets records, and so comes behind the look at all of them
		r.eraseActions(id, n)
		r.eraseTicket(r.tickets[id])
	}
	for key, f := range maps.Clone(r.table(bItems)) {
		it, err := decode[OutboxItem](f.value, nil)
		if err != nil {
			return err
		}
		if f.from != fromStore && (it.Action < erased[it.Ticket] || r.wasErased(f, it.Body)) {
			it.erase()
			r.forgetRecord(it.Body)
			r.set(bItems, []byte(key), encode(&it), f.from)
		}
	}
	for key, f := range maps.Clone(r.table(bHeld)) {
		h, err := decode[HeldMail](f.value, nil)
		if err != nil {
			return err
		}
		if h.State == HeldErased {
			r.forgetRecord(h.Record)
		}
		if f.from == fromStore {
			continue
		}
		switch {
		case erased[h.Released] > 0: // its mail is the ticket's
			h.Erase()
		case r.wasErased(f, h.Record):
			h.Erase()
			h.State = HeldErased
		default:
			continue
		}
		r.set(bHeld, []byte(key), encode(&h), f.from)
	}
	return nil
}

// erasedBefore is the number of the entry before which all of a ticket's were
// erased; 0: none was.
func (r *repair) erasedBefore(id TicketID) (n uint32) {
	for seq, a := range r.actions[id] {
		switch {
		case a.Outcome == OutcomeErased:
			n = max(n, seq)
		case r.wasErased(r.table(bActions)[string(actionKey(id, seq))], a.Record):
			n = max(n, seq+1)
		}
	}
	return n
}

// wasErased reports whether an entry came back although it is known that the octets
// it refers to were erased.
func (r *repair) wasErased(f found, id RecordID) bool {
	rec, there := r.table(bRecords)[string(key64(uint64(id)))]
	if f.from == fromStore || !there {
		return false
	}
	p, err := decodePlace(rec.value)
	return err == nil && p == place{}
}

func (r *repair) eraseActions(id TicketID, before uint32) {
	for seq := uint32(1); seq < before; seq++ {
		a := r.actions[id][seq]
		if a == nil {
			continue
		}
		r.forgetRecord(a.Record)
		key := actionKey(id, seq)
		left := a.erased()
		r.set(bActions, key, encode(&left), r.table(bActions)[string(key)].from)
	}
}

// eraseTicket does to a ticket that came back what was done when it was erased.
func (r *repair) eraseTicket(t *Ticket) {
	key := key64(uint64(t.ID))
	if f := r.table(bTickets)[string(key)]; f.from != fromStore {
		t.Erase()
		r.set(bTickets, key, encode(t), f.from)
	}
}

func (r *repair) forgetRecord(id RecordID) {
	if id != 0 {
		r.set(bRecords, key64(uint64(id)), place{}.encode(), fromStore)
	}
}
