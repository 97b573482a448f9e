"""Scales in photographs: rulers and scale bars, printed markers, a known length between two points.

Each of ``reading.read``, ``markers.read`` and ``known.between`` gives a ``scale.Scale`` or refuses with the reason.

The surprising thing: finding the ticks is the easy half. What a tick means is rarely certain, and a factor of ten or of
2.54 looks just as neat; so it is taken only from evidence beside the ticks or from the user.
"""
