"""The learner's code behind a wall: in a sandboxed process that can do one thing, answer calls.

``protocol`` says what crosses the wall, ``worker`` answers on the far side, ``zygote`` keeps a
warm process there to fork workers from, ``bubblewrap`` builds the wall, and ``backend`` is the
near side.
"""
