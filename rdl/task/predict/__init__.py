"""The PREDICT sentence: one line that compiles to the task file a person would have written."""

from rdl.task.predict.compile import Compiled, compile_sentence
from rdl.task.predict.parse import parse
from rdl.task.predict.refusal import SentenceError
from rdl.task.predict.sentence import Sentence
from rdl.task.predict.write import write_task

__all__ = ["Compiled", "Sentence", "SentenceError", "compile_sentence", "parse", "write_task"]
