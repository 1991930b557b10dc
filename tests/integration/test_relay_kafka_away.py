"""Kafka that is stopped, absent, or only a mock: everything ends in bounded time and says what it knows."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.stack.directory import DataDirectory
from deploy.stack.mock_kafka import MockKafka
from deploy.stack.ports import free_port
from schemas.topics import CONTACTS_CHANGES
from service.errors import StoreUnavailableError, StreamUnavailableError
from service.kafka.probe import KafkaProbe
from service.kafka.publishers import TransactionalPublisher, publisher_factory
from service.kafka.topics import create_topics
from service.mongo.store import MongoStore
from service.outbox.model import SHARDS
from service.outbox.relay import Relay
from service.settings import RelaySettings, TopicSettings
from tests.support.relay import contact_in, record_of, running
from tests.support.waiting import eventually
