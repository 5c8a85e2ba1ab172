"""The tools of a turn, one module each (see :mod:`streaming.chat.branch`)."""
