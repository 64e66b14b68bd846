"""What people ask of the controller, done: in the journal first, then the devices hear of it."""

from __future__ import annotations
