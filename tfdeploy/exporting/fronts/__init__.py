"""Fronts: preprocessing in the graph, between what requests bring and what a model takes."""

from tfdeploy.exporting.fronts.examples import ExampleFront
from tfdeploy.exporting.fronts.front import Fitted, Front, put_before
from tfdeploy.exporting.fronts.image import ImageFront
from tfdeploy.exporting.fronts.mapping import MapFront
from tfdeploy.exporting.fronts.text import TextFront

__all__ = ["ExampleFront", "Fitted", "Front", "ImageFront", "MapFront", "TextFront", "put_before"]
