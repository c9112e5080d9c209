"""Services that a request can kill, each run by a process of its own."""

from nameko.rpc import rpc


class NoContentType:
    name = "no_content_type"

    @rpc
    def echo(self, value):
        return value


class NoReplyTo:
    name = "no_reply_to"

    @rpc
    def mark(self, text):
        pass
