"""The book: chapters of text with figures, questions and exercise boxes, built by Sphinx, and
served live with the learner's own functions behind it.
"""
