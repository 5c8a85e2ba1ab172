"""Finding the rule documents a question is about, without a model.

Two readings of a question are brought together: the thing it names, by the knowledge's own matcher
(which knows grammar and everyday words), and how well its words fit the sections of the documents
(BM25). A question that names nothing known is read again with its typing errors mended.
"""

from __future__ import annotations

from streaming.chat.retrieval.search import Found, Hit, Search

__all__ = ["Found", "Hit", "Search"]
