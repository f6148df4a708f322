"""From a trained model to a published SavedModel version that is known to serve.

Importing this package doesn't import TensorFlow; exporting does.
"""

from tfdeploy.exporting.image_front import ImageFront
from tfdeploy.exporting.publishing import Exported, export

__all__ = ["Exported", "ImageFront", "export"]
