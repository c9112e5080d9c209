package frame

func newTxMethod(id ID) Method {
	switch id {
	case tx | 10:
		return new(TxSelect)
	case tx | 11:
		return new(TxSelectOk)
	case tx | 20:
		return new(TxCommit)
	case tx | 21:
		return new(TxCommitOk)
	case tx | 30:
		return new(TxRollback)
	case tx | 31:
		return new(TxRollbackOk)
	}
	return nil
}

// A TxSelect makes the channel transactional.
type TxSelect struct{}

// ID returns 90.10.
func (*TxSelect) ID() ID { return tx | 10 }

func (m *TxSelect) fields(*codec) {}

// A TxSelectOk confirms a [TxSelect].
type TxSelectOk struct{}

// ID returns 90.11.
func (*TxSelectOk) ID() ID { return tx | 11 }

func (m *TxSelectOk) fields(*codec) {}

// A TxCommit commits what the channel has published and acknowledged since the last commit.
type TxCommit struct{}

// ID returns 90.20.
func (*TxCommit) ID() ID { return tx | 20 }

func (m *TxCommit) fields(*codec) {}

// A TxCommitOk confirms a [TxCommit].
type TxCommitOk struct{}

// ID returns 90.21.
func (*TxCommitOk) ID() ID { return tx | 21 }

func (m *TxCommitOk) fields(*codec) {}

// A TxRollback discards what a [TxCommit] would have committed.
type TxRollback struct{}

// ID returns 90.30.
func (*TxRollback) ID() ID { return tx | 30 }

func (m *TxRollback) fields(*codec) {}

// A TxRollbackOk confirms a [TxRollback].
type TxRollbackOk struct{}

// ID returns 90.31.
func (*TxRollbackOk) ID() ID { return tx | 31 }

func (m *TxRollbackOk) fields(*codec) {}
