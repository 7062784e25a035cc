"""assay: find out by test what a learner's code is really made of.

The engine loads a learner's functions, runs hidden properties against them, scores, explains and
reports. It knows nothing of the course's subject.
"""

__version__ = "0.1.0"
