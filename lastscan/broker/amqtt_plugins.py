"""Our rules, as amqtt's plugins ask for them. amqtt loads these by their class path; no plugin, no entry."""

from __future__ import annotations

from dataclasses import dataclass

from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from lastscan.broker.rules import AccessTable


@dataclass
class Gate:
    """Holds the rules in force; whoever replaces `table` changes them for every open session at once."""

    table: AccessTable


class SignIn(BaseAuthPlugin):  # type: ignore[misc]
    """Lets in those registered, by their password. There are no anonymous sessions."""

    @dataclass
    class Config:
        gate: Gate

    async def authenticate(self, *, session: Session) -> bool:
        gate: Gate = self.config.gate
        return gate.table.admits(session.username, session.password)


class OwnTopics(BaseTopicPlugin):  # type: ignore[misc]
    """Holds each session to the topics of its login: when it publishes, subscribes, and when a message goes to it."""

    @dataclass
    class Config:
        gate: Gate

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        gate: Gate = self.config.gate
        name = session.username if session is not None else None
        if topic is None:
            return False
        if action == Action.PUBLISH:
            return gate.table.may_write(name, topic)
        if action == Action.SUBSCRIBE:
            return gate.table.may_subscribe(name, topic)
        # RECEIVE, asked of each message: a subscription made before a revocation brings nothing after it.
        return action == Action.RECEIVE and gate.table.may_read(name, topic)


def plugins(gate: Gate) -> dict[str, object]:
    """The `plugins` part of amqtt's configuration: ours and no others, so no `$SYS` and no packet log."""
    here = __name__
    return {f"{here}.{SignIn.__name__}": {"gate": gate}, f"{here}.{OwnTopics.__name__}": {"gate": gate}}
