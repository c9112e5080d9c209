package transport

// A verdict is what became of a delivery.
type verdict uint8

const (
	undecided verdict = iota
	acked
	requeued
	dropped
	written // the broker has been told
)

// acks keeps the verdicts on a channel's deliveries, whose tags count from 1, and makes as few acknowledgements of
// them as possible.
type acks struct {
	first    uint64 // tag of verdicts[0]; all before it are written
	verdicts []verdict
	fresh    []uint64 // decided since the last batch
}

// A batch is what to tell the broker, in this order: a multiple acknowledgement would take rejected ones along.
type batch struct {
	requeued, dropped []uint64
	prefix            uint64 // acknowledge all up to it; 0 is none
	single            []uint64
}

// delivered adds the next delivery.
func (a *acks) delivered(tag uint64) {
	if len(a.verdicts) == 0 {
		a.first = tag
	}
	a.verdicts = append(a.verdicts, undecided)
}

// decide notes the first verdict on a delivery, and returns how many there are since the last batch.
func (a *acks) decide(tag uint64, v verdict) int {
	i := tag - a.first // wraps to a large number below first
	if i < uint64(len(a.verdicts)) && a.verdicts[i] == undecided {
		a.verdicts[i] = v
		a.fresh = append(a.fresh, tag)
	}
	return len(a.fresh)
}

// take returns what was decided since the last batch, and false if there is nothing.
func (a *acks) take() (batch, bool) {
	if len(a.fresh) == 0 {
		return batch{}, false
	}
	var b batch
	for _, tag := range a.fresh {
		switch a.verdicts[tag-a.first] {
		case requeued:
			b.requeued = append(b.requeued, tag)
		case dropped:
			b.dropped = append(b.dropped, tag)
		default:
			continue
		}
		a.verdicts[tag-a.first] = written
	}
	for len(a.verdicts) > 0 && a.verdicts[0] != undecided {
		if a.verdicts[0] == acked {
			b.prefix = a.first // the broker knows those after it already, and refuses a tag that it does not hold
		}
		a.verdicts = a.verdicts[1:]
		a.first++
	}
	for _, tag := range a.fresh {
		if tag >= a.first && a.verdicts[tag-a.first] == acked {
			b.single = append(b.single, tag)
			a.verdicts[tag-a.first] = written
		}
	}
	a.fresh = a.fresh[:0]
	return b, true
}
