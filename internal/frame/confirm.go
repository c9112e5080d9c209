package frame

func newConfirmMethod(id ID) Method {
	switch id {
	case confirm | 10:
		return new(ConfirmSelect)
	case confirm | 11:
		return new(ConfirmSelectOk)
	}
	return nil
}

// A ConfirmSelect asks for confirms of all publishings on the channel.
type ConfirmSelect struct {
	NoWait bool
}

// ID returns 85.10.
func (*ConfirmSelect) ID() ID { return confirm | 10 }

func (m *ConfirmSelect) fields(c *codec) {
	c.bits(&m.NoWait)
}

// A ConfirmSelectOk confirms a [ConfirmSelect].
type ConfirmSelectOk struct{}

// ID returns 85.11.
func (*ConfirmSelectOk) ID() ID { return confirm | 11 }

func (m *ConfirmSelectOk) fields(*codec) {}
