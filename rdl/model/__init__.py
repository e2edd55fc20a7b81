"""The recipe that fits members and joins them: choose, fit, predict, save, load."""

from rdl.model.fitted import Model, Predictions
from rdl.model.recipe import choose, fit_model, prepare_training
from rdl.model.settings import MEMBERS, Choices, FitSettings, resolve_members
from rdl.model.storage import load_model, save_model

__all__ = [
    "MEMBERS",
    "Choices",
    "FitSettings",
    "Model",
    "Predictions",
    "choose",
    "fit_model",
    "load_model",
    "prepare_training",
    "resolve_members",
    "save_model",
]
