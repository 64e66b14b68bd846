"""What people ask of the controller, done: in the journal first, then the devices hear of it."""

from controllers.desk.history import History
from controllers.desk.planner import Planner
from controllers.desk.states import States

__all__ = ["PeoplesDesk"]


class PeoplesDesk(States, Planner, History):
    """Implements `controllers.people.People` before one controller."""
