"""The commands of the ``assay`` command line: one module each.

A command's module is named after it and has ``HELP`` (one line), ``arguments(parser)`` and
``run(args) -> int``, the exit status. Modules import what is heavy inside ``run``, so that ``assay
--help`` is quick.
"""
