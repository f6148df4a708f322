"""From a trained model to a published SavedModel version that is known to serve.

Importing this package doesn't import TensorFlow; exporting does.
"""

from tfdeploy.exporting.asked import Asked
from tfdeploy.exporting.fronts import ImageFront
from tfdeploy.exporting.options import Options
from tfdeploy.exporting.publishing import Exported, export
from tfdeploy.exporting.recipe import Recipe, SignatureRecipe

__all__ = ["Asked", "Exported", "ImageFront", "Options", "Recipe", "SignatureRecipe", "export"]
