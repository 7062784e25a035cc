"""The learner's code behind a wall: the second place where it may run.

The process with the properties never imports it; the process that does holds no property, no
solution and no other submission, and can do one thing: answer calls. See ``backend`` for the
grader's side, ``worker`` for the learner's, ``messages`` for what passes between them.
"""
