"""The broker that `lastscan` brings along: which one, who may do what on it, and keeping it up."""

from lastscan.broker.choice import BrokerUnavailableError, Choice, UnknownBrokerError, choose
from lastscan.broker.launch import free_port, run_broker
from lastscan.broker.registry import BrokerFailedError, Ports
from lastscan.broker.rules import AccessTable, Login

__all__ = [
    "AccessTable",
    "BrokerFailedError",
    "BrokerUnavailableError",
    "Choice",
    "Login",
    "Ports",
    "UnknownBrokerError",
    "choose",
    "free_port",
    "run_broker",
]
