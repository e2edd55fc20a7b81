"""Where rows come from: sources, schema, ingestion, and the walls around users' SQL."""

from rdl.database.checks.finding import Check, Finding, Policy
from rdl.database.database import Database, open_database
from rdl.database.engine import Engine, load_sql, quote
from rdl.database.schema import Column, Reference, Schema, Semantic, Table

__all__ = [
    "Check",
    "Column",
    "Database",
    "Engine",
    "Finding",
    "Policy",
    "Reference",
    "Schema",
    "Semantic",
    "Table",
    "load_sql",
    "open_database",
    "quote",
]
