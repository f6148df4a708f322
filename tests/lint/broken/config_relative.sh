docker run -p 8501:8501 -v "$(pwd):/models" tensorflow/serving:2.2.0 --model_config_file=models/models.config
