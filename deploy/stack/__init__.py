"""The local stack: a real MongoDB and a real Kafka for development and tests, without containers if need be."""

from deploy.stack.errors import StackError, StackStopped
from deploy.stack.local import LocalStack, StackAddresses

__all__ = ["LocalStack", "StackAddresses", "StackError", "StackStopped"]
