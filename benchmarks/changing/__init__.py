"""The parts of `changes.py`."""
