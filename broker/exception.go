package broker

import (
	"fmt"

	"github.com/gomeko/gomeko/internal/frame"
)

// An exception closes a channel, or the whole connection if its code says so. The client receives
// code, text and method exactly as RabbitMQ sends them, because clients match on them.
type exception struct {
	code   uint16
	text   string
	method frame.ID // the method that caused it, or 0
}

// The reply codes in use.
const (
	codeNoRoute            = 312
	codeConnectionForced   = 320
	codeAccessRefused      = 403
	codeNotFound           = 404
	codeResourceLocked     = 405
	codePreconditionFailed = 406
	codeFrameError         = frame.FrameError
	codeSyntaxError        = frame.SyntaxError
	codeCommandInvalid     = 503
	codeChannelError       = 504
	codeUnexpectedFrame    = 505
	codeResourceError      = 506
	codeNotAllowed         = 530
	codeNotImplemented     = frame.NotImplemented
)

var codeNames = map[uint16]string{
	codeConnectionForced:   "CONNECTION_FORCED",
	codeAccessRefused:      "ACCESS_REFUSED",
	codeNotFound:           "NOT_FOUND",
	codeResourceLocked:     "RESOURCE_LOCKED",
	codePreconditionFailed: "PRECONDITION_FAILED",
	codeFrameError:         "FRAME_ERROR",
	codeSyntaxError:        "SYNTAX_ERROR",
	codeCommandInvalid:     "COMMAND_INVALID",
	codeChannelError:       "CHANNEL_ERROR",
	codeUnexpectedFrame:    "UNEXPECTED_FRAME",
	codeResourceError:      "RESOURCE_ERROR",
	codeNotAllowed:         "NOT_ALLOWED",
	codeNotImplemented:     "NOT_IMPLEMENTED",
}

func exceptionf(code uint16, format string, args ...any) *exception {
	return &exception{code: code, text: codeNames[code] + " - " + fmt.Sprintf(format, args...)}
}

func (e *exception) Error() string { return fmt.Sprintf("%d %s", e.code, e.text) }

// asException returns the exception in err, or nil if err is a socket error.
func asException(err error) *exception {
	switch err := err.(type) {
	case *exception:
		return err
	case *frame.Error:
		return exceptionf(err.Code, "%s", err.Text)
	}
	return nil
}

// endsConnection reports whether the exception closes the whole connection rather than the channel.
func (e *exception) endsConnection() bool {
	return e.code >= 500 || e.code == codeConnectionForced
}

// answersQuestion reports whether the exception answers no to a passive declare, which asks whether
// a queue or an exchange exists. In that case the client has made no mistake. Other declares cannot
// fail with this code.
func (e *exception) answersQuestion() bool {
	declares := e.method == (*frame.QueueDeclare)(nil).ID() || e.method == (*frame.ExchangeDeclare)(nil).ID()
	return e.code == codeNotFound && declares
}

// close returns the method that reports the exception to the client.
func (e *exception) close() *frame.ConnectionClose {
	return &frame.ConnectionClose{
		ReplyCode: e.code, ReplyText: e.text,
		ClassID: e.method.Class(), MethodID: e.method.Method(),
	}
}
