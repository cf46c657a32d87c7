"""The company's knowledge: articles in `data/knowledge/<language>/*.md`, and finding the one that answers."""

from crm_bridge.knowledge.articles import Article, BadArticle, Guide, load
from crm_bridge.knowledge.search import Found, Index, Knowledge

__all__ = ["Article", "BadArticle", "Found", "Guide", "Index", "Knowledge", "load"]
