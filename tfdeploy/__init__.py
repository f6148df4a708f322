"""tfdeploy: trained TensorFlow models to running tensorflow_model_server services."""

__version__ = "0.1.0"
