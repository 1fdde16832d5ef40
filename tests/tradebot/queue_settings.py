"""The tests' settings with a queue that hands a lost task out again after seconds."""

from tests.settings import *  # noqa: F403
from tests.settings import Q_CLUSTER

Q_CLUSTER |= {"timeout": 1, "retry": 4}
