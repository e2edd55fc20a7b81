"""The recipe that fits members and joins them: choose, fit, predict, save, load."""

from rdl.model.fitted import Model, Predictions
from rdl.model.inputs import Source
from rdl.model.recipe import fit_model
from rdl.model.settings import MEMBERS, Choices, FitSettings, resolve_members
from rdl.model.storage import load_model, save_model
from rdl.model.training import propose_features

__all__ = [
    "MEMBERS",
    "Choices",
    "FitSettings",
    "Model",
    "Predictions",
    "Source",
    "fit_model",
    "load_model",
    "propose_features",
    "resolve_members",
    "save_model",
]
