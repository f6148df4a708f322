"""The parts of ``mixed_load.py``: models, clients, changes, and the judge of every answer."""
